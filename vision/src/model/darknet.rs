//! What a Darknet network's description (cfg) says of its weights' length. OpenCV takes what is missing for noughts, and such a
//! network finds nothing without a word.

/// What a section of a description says.
struct Section<'a> {
    kind: &'a str,
    values: Vec<(&'a str, &'a str)>,
}

impl Section<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    fn number(&self, name: &str, otherwise: u64) -> Option<u64> {
        self.text(name).map_or(Some(otherwise), |value| value.parse().ok())
    }
}

fn sections(cfg: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in cfg.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(kind) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let values = Vec::new();
            sections.push(Section { kind, values });
        } else if let (Some((key, value)), Some(last)) = (line.split_once('='), sections.last_mut()) {
            last.values.push((key.trim(), value.trim()));
        }
    }
    sections
}

/// Bytes that the weights of a network must have, with their head of `head` bytes; `None` for a network with layers other than
/// detectors have, whose weights are OpenCV's to judge.
#[must_use]
pub fn weights_needed(cfg: &[u8], head: u64) -> Option<u64> {
    let text = String::from_utf8_lossy(cfg);
    let sections = sections(&text);
    let (net, layers) = sections.split_first()?;
    // Channels that come out of each layer.
    let mut out: Vec<u64> = Vec::new();
    let mut numbers: u64 = 0;
    for layer in layers {
        let before = out.last().copied().or_else(|| net.number("channels", 3))?;
        let at = |index: &str| -> Option<u64> {
            let index: i64 = index.trim().parse().ok()?;
            let from = if index < 0 { i64::try_from(out.len()).ok()? } else { 0 };
            out.get(usize::try_from(from.checked_add(index)?).ok()?).copied()
        };
        let channels = match layer.kind {
            "convolutional" => {
                let [filters, size] = [layer.number("filters", 1)?, layer.number("size", 1)?];
                let each = before.checked_div(layer.number("groups", 1)?)?;
                let kernels = filters.checked_mul(each)?.checked_mul(size.checked_mul(size)?)?;
                // A bias for each filter; with batch normalization also its scale, mean and variance.
                let normalized = layer.number("batch_normalize", 0)? != 0;
                let others = filters.checked_mul(if normalized { 4 } else { 1 })?;
                numbers = numbers.checked_add(kernels)?.checked_add(others)?;
                filters
            }
            "route" => {
                let all: Option<Vec<u64>> = layer.text("layers")?.split(',').map(at).collect();
                let sum = all?.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part))?;
                sum.checked_div(layer.number("groups", 1)?)?
            }
            "maxpool" | "avgpool" | "upsample" | "shortcut" | "dropout" | "yolo" | "region" => before,
            _ => return None,
        };
        out.push(channels);
    }
    numbers.checked_mul(4)?.checked_add(head)
}

/// Bytes of the head of weights: three numbers for the version, and how many pictures were seen, in 8 bytes from version 0.2 on.
#[must_use]
pub fn head_of(weights: &[u8]) -> u64 {
    let number = |at: usize| {
        let bytes = weights.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, i32::from_le_bytes)
    };
    let version = number(0).saturating_mul(10).saturating_add(number(4));
    if version >= 2 { 20 } else { 16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_networks_weights_are_as_long_as_its_layers_say() {
        let cfg = "[net]\nwidth=32\nheight=32\nchannels=3\n\
            [convolutional]\nbatch_normalize=1\nfilters=8\nsize=3 # 3x3\nstride=2\n\
            [convolutional]\ngroups=8\nfilters=8\nsize=3\n\
            [shortcut]\nfrom=-2\n[maxpool]\nsize=2\n\
            [route]\nlayers=-1, 0\n\
            [convolutional]\nfilters=18\nsize=1\n[yolo]\nmask=0,1,2\n\
            [route]\nlayers=-3\ngroups=2\ngroup_id=1\n[upsample]\nstride=2\n\
            [convolutional]\nfilters=2\nsize=1\n";
        let numbers = (8 * 3 * 9 + 4 * 8) + (8 * 9 + 8) + (18 * 16 + 18) + (2 * 8 + 2);
        assert_eq!(weights_needed(cfg.as_bytes(), 20), Some(20 + 4 * numbers));
        assert_eq!(weights_needed(b"[net]\n[connected]\noutput=5\n", 20), None, "not known");
        assert_eq!(weights_needed(b"[net]\n[route]\nlayers=-9\n", 20), None, "to nowhere");
        assert_eq!(weights_needed(b"", 20), None);
    }

    #[test]
    fn the_head_is_longer_from_version_0_2_on() {
        let head = |major: i32, minor: i32| [major.to_le_bytes(), minor.to_le_bytes()].concat();
        assert_eq!(
            [head_of(&head(0, 1)), head_of(&head(0, 2)), head_of(&head(1, 0))],
            [16, 20, 20]
        );
        assert_eq!(head_of(b"abc"), 16);
    }
}
