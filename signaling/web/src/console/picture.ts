// The office's picture in the camera's place, so that a booth's privacy is kept: its name and mark on a canvas, as a track.
// Invariant: nothing of the camera is in it; the camera itself is stopped while it is sent.

const WIDTH = 1280;
const HEIGHT = 720;
/** Who comes later needs a whole picture, and encoders make one only of a new frame. */
const REDRAW_MS = 500;

export interface PictureWords {
  office: string;
  section: string;
}

export function officePicture(words: PictureWords): MediaStreamTrack | null {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d");
  const [track] = canvas.captureStream().getVideoTracks();
  if (!context || !track) return null;
  draw(context, words);
  const timer = setInterval(() => {
    if (track.readyState === "ended") clearInterval(timer);
    else draw(context, words);
  }, REDRAW_MS);
  return track;
}

function draw(context: CanvasRenderingContext2D, { office, section }: PictureWords): void {
  context.fillStyle = "#f2f6fc";
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.fillStyle = "#0017c1";
  context.fillRect(0, HEIGHT - 28, WIDTH, 28);
  drawMark(context, WIDTH / 2, 236, 7.5);
  context.textAlign = "center";
  context.fillStyle = "#1a1a1c";
  write(context, office, 470, 84, 700);
  context.fillStyle = "#4d4d4d";
  write(context, section, 556, 48, 500);
}

/** As large as it fits. */
function write(context: CanvasRenderingContext2D, text: string, y: number, size: number, weight: number): void {
  context.font = `${weight} ${size}px "Noto Sans JP", "Noto Sans CJK JP", "Hiragino Sans", sans-serif`;
  context.fillText(text, WIDTH / 2, y, WIDTH - 160);
}

/** The window of the site's head, its middle at a point. */
function drawMark(context: CanvasRenderingContext2D, x: number, y: number, scale: number): void {
  context.save();
  context.translate(x - 16 * scale, y - 16 * scale);
  context.scale(scale, scale);
  context.strokeStyle = "#0017c1";
  context.lineWidth = 2;
  context.lineCap = "round";
  context.beginPath();
  context.roundRect(3, 4, 26, 19, 4);
  context.stroke();
  context.stroke(new Path2D("M3 15h26M16 4v19M7 28h18"));
  context.restore();
}
