// Contents of one colour, of every kind that a screen plays.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** A picture, or a page, of one colour. */
export function colored(dir: string, name: string, kind: "png" | "pdf", color: number): string {
  const file = join(dir, `${name}.${kind}`);
  if (kind === "pdf") {
    writeFileSync(file, onePage(color));
    return file;
  }
  const source = `videotestsrc pattern=solid-color foreground-color=${0xff000000 + color} num-buffers=1`;
  execFileSync("gst-launch-1.0", ["-q", ...`${source} ! video/x-raw,width=640,height=312 ! videoconvert ! pngenc ! filesink location=${file}`.split(" ")]);
  return file;
}

/** A PDF of one filled page, with a right cross-reference table (ISO 32000-1 §7.5). */
function onePage(color: number): string {
  const shares = [color >> 16, (color >> 8) & 255, color & 255].map((channel) => (channel / 255).toFixed(4)).join(" ");
  const drawing = `${shares} rg 0 0 640 312 re f`;
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 640 312] /Contents 4 0 R >>",
    `<< /Length ${drawing.length} >>\nstream\n${drawing}\nendstream`,
  ];
  let text = "%PDF-1.4\n";
  const places = objects.map((object, index) => {
    const at = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(at).padStart(10, "0")} 00000 n \n`;
  });
  return `${text}xref\n0 5\n0000000000 65535 f \n${places.join("")}trailer\n<< /Size 5 /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
}
