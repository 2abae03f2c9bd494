// Papers for tests, written byte by byte: PDFs whole and broken, and a picture.
import { crc32, deflateSync } from "node:zlib";

/** A PDF (ISO 32000-1) of these objects; the first is the catalogue. `trailer`: what else stands in it. */
function pdf(objects: string[], trailer = ""): Buffer {
  let text = "%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3\n";
  const offsets = objects.map((object, at) => {
    const offset = Buffer.byteLength(text, "latin1");
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const xref = Buffer.byteLength(text, "latin1");
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  for (const offset of offsets) text += `${String(offset).padStart(10, "0")} 00000 n \n`;
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer}>>\nstartxref\n${xref}\n%%EOF\n`;
  return Buffer.from(text, "latin1");
}

/** UTF-16 in hexadecimal, as strings of the encoding UniJIS-UTF16-H are written. */
function utf16(text: string): string {
  return [...text].map((letter) => letter.charCodeAt(0).toString(16).padStart(4, "0")).join("");
}

/**
 * A4 pages as office programs write them in Japan: a heading in a Japanese font that isn't in the file, a table, and a black
 * field whose place says which page it is.
 */
export function form(pages: number, trailer = ""): Buffer {
  const kids = Array.from({ length: pages }, (_, n) => `${5 + 2 * n} 0 R`).join(" ");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    `<< /Type /Pages /Kids [${kids}] /Count ${pages} >>`,
    "<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiKakuGo-W5 /Encoding /UniJIS-UTF16-H /DescendantFonts [4 0 R] >>",
    "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiKakuGo-W5 /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 6 >> /DW 1000 >>",
  ];
  for (let page = 0; page < pages; page++) {
    const content = [
      `BT /F1 28 Tf 72 760 Td <${utf16(`介護保険 認定申請書 ${page + 1}`)}> Tj ET`,
      "0.8 w 72 700 m 523 700 l 72 660 m 523 660 l 72 620 m 523 620 l S",
      `${72 + 60 * page} 400 50 50 re f`,
    ].join("\n");
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${6 + 2 * page} 0 R >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    );
  }
  return pdf(objects, trailer);
}

/** One that wants a password: nothing fits the digests in it. (ISO 32000-1 §7.6.3) */
export function lockedForm(): Buffer {
  const digest = "41".repeat(32);
  return form(1, `/Encrypt << /Filter /Standard /V 1 /R 2 /O <${digest}> /U <${digest}> /P -44 >> /ID [<00><00>] `);
}

/** A PDF that says so and is nothing. */
export const brokenForm = (): Buffer => Buffer.concat([Buffer.from("%PDF-1.7\n"), Buffer.alloc(5_000, 0x7a)]);

/** A picture of so many pixels in one colour (PNG, W3C 2003). */
export function picture(width: number, height: number, rgb: [number, number, number]): Buffer {
  const line = Buffer.concat([Buffer.from([0]), Buffer.from(Array.from({ length: width }, () => rgb).flat())]);
  const chunk = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const data = deflateSync(Buffer.concat(Array.from({ length: height }, () => line)));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}
