// What other cameras of the area count, as a list: with whom, and the corners of each part in numbers.
import { withOverlap, withOverlapChanged } from "./geometry.ts";
import { type NumbersProps, PartCorners } from "./numbers.tsx";

export function Overlaps({ t, geometry, which, neighbours, onWhich, onChange }: NumbersProps) {
  const overlaps = geometry.overlaps ?? [];
  const chosen = overlaps[which];
  const [first] = neighbours;
  const add = () => {
    if (first === undefined) return;
    onChange({ ...geometry, overlaps: withOverlap(overlaps, chosen?.camera ?? first) });
    onWhich(overlaps.length);
  };
  // One that is no neighbour any more is still shown, and called wrong.
  const cameras = chosen && !neighbours.includes(chosen.camera) ? [chosen.camera, ...neighbours] : neighbours;
  return (
    <>
      {chosen ? (
        <>
          <div class="field">
            <label for="overlap">{t("camera.overlap.choose")}</label>
            <select id="overlap" value={which} onChange={(event) => onWhich(Number(event.currentTarget.value))}>
              {overlaps.map(({ camera }, at) => (
                <option key={at} value={at}>
                  {t("camera.overlap.of", { n: at + 1, name: camera })}
                </option>
              ))}
            </select>
          </div>
          <div class="field">
            <label for="overlap-camera">{t("camera.overlap.camera")}</label>
            <select
              id="overlap-camera"
              value={chosen.camera}
              onChange={(event) => {
                const camera = event.currentTarget.value;
                onChange(withOverlapChanged(geometry, which, (old) => ({ ...old, camera })));
              }}
            >
              {cameras.map((id) => (
                <option key={id}>{id}</option>
              ))}
            </select>
          </div>
          <PartCorners t={t} geometry={geometry} shape="overlaps" which={which} polygon={chosen.polygon} onChange={onChange} />
        </>
      ) : (
        <p>{t(first === undefined ? "camera.overlap.alone" : "camera.overlap.none")}</p>
      )}
      <div class="buttons">
        {first !== undefined && (
          <button type="button" class="button small" data-test="add-overlap" onClick={add}>
            {t("camera.overlap.add")}
          </button>
        )}
        {chosen && (
          <button
            type="button"
            class="button small"
            data-test="remove-overlap"
            onClick={() => onChange({ ...geometry, overlaps: overlaps.filter((_, at) => at !== which) })}
          >
            {t("camera.overlap.remove")}
          </button>
        )}
      </div>
    </>
  );
}
