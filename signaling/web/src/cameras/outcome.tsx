// What was counted in a film: a chart, and the same as a table.
import type { Counted } from "./asking.ts";
import { niceTop, parts, pathOf } from "./chart.ts";
import type { Words } from "./words.ts";

/** The chart's own pixels: its frame, and the room for its axes. */
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [640, 240, 44, 32, 14];

export function Outcome({ t, counted: { seconds, crossed } }: { t: Words; counted: Counted }) {
  const top = niceTop(Math.max(0, ...seconds.map((count) => count ?? 0)));
  const frame = { left: LEFT, top: TOP, width: WIDTH - LEFT - 12, height: HEIGHT - TOP - BOTTOM };
  const yOf = (count: number) => frame.top + frame.height * (1 - count / top);
  const marks = [0, top / 2, top].filter(Number.isInteger);
  const rows = parts(seconds);
  return (
    <div class="outcome" data-test="outcome">
      <figure>
        <figcaption>{t("camera.trial.chart")}</figcaption>
        <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={t("camera.trial.chart")}>
          {marks.map((count) => (
            <g key={count}>
              <path class="rule" d={`M${LEFT} ${yOf(count)}H${WIDTH - 12}`} />
              <text class="mark" x={LEFT - 8} y={yOf(count) + 5} text-anchor="end">
                {count}
              </text>
            </g>
          ))}
          <path class="curve" data-test="curve" d={pathOf(seconds, top, frame)} />
          <text class="mark" x={LEFT} y={HEIGHT - 8}>
            0
          </text>
          <text class="mark" x={WIDTH - 12} y={HEIGHT - 8} text-anchor="end">
            {seconds.length} {t("camera.trial.axis")}
          </text>
        </svg>
      </figure>
      {crossed && <p data-test="crossed">{t("camera.trial.crossed", { in: crossed[0], out: crossed[1] })}</p>}
      <div class="table-scroll" role="region" aria-label={t("camera.trial.chart")} tabIndex={0}>
        <table class="trial-table">
          <thead>
            <tr>
              <th scope="col">{t("camera.trial.time")}</th>
              <th scope="col">{t("camera.trial.least")}</th>
              <th scope="col">{t("camera.trial.mean")}</th>
              <th scope="col">{t("camera.trial.most")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.from}>
                <th scope="row">
                  {row.from}–{row.until}
                </th>
                {row.counts ? (
                  <>
                    <td>{row.counts.least}</td>
                    <td>{row.counts.mean.toFixed(1)}</td>
                    <td>{row.counts.most}</td>
                  </>
                ) : (
                  <td colSpan={3}>{t("camera.watch.unknown")}</td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
