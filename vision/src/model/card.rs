//! The card beside a model's file: what the model is, how it is used, under which licence.
//!
//! Invariant: a card that was read is sound: sizes, class ids and thresholds are within their limits.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::tried::Tried;
use super::{Kind, ModelError};

/// How a model's answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// YOLOX as ONNX, without its decoding: grid cells and logarithms. Also LWPD, which is one with one class.
    Yolox,
    /// Darknet's cfg and weights.
    Darknet,
    /// NanoDet or NanoDet-Plus as ONNX, without its decoding: distributions of distances.
    Nanodet,
}

/// What a model's scores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scores {
    /// Shares, 0 to 1.
    #[default]
    Shares,
    /// What the logistic function makes such shares of.
    Logits,
}

/// How a NanoDet model is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nanodet {
    /// It looks at its input by cells of so many pixels, finest first: NanoDet has three sizes, NanoDet-Plus a fourth of 64.
    pub strides: Vec<usize>,
    /// Numbers of each distribution, `reg_max` + 1.
    pub bins: usize,
    /// Where in its cell a box is measured from, as a share of it: NanoDet 0.5, NanoDet-Plus 0.
    pub offset: f64,
    /// What its scores are.
    pub scores: Scores,
    /// What is taken from each colour (blue, green, red, 0 to 255),
    pub mean: [f64; 3],
    /// and what the rest is divided by.
    pub std: [f64; 3],
}

impl Default for Nanodet {
    /// NanoDet, as its authors export it.
    fn default() -> Self {
        Self {
            strides: vec![8, 16, 32],
            bins: 8,
            offset: 0.5,
            scores: Scores::Shares,
            mean: [103.53, 116.28, 123.675],
            std: [57.375, 57.12, 58.395],
        }
    }
}

impl Nanodet {
    /// NanoDet-Plus, as its authors export it.
    #[must_use]
    pub fn plus() -> Self {
        Self {
            strides: vec![8, 16, 32, 64],
            offset: 0.0,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), String> {
        let is_rising = self.strides.is_sorted_by(|a, b| a < b);
        let are_sides = self.strides.iter().all(|stride| (4..=128).contains(stride));
        if self.strides.is_empty() || !is_rising || !are_sides {
            let strides = &self.strides;
            return Err(format!(
                "nanodet.strides: {strides:?}: expected sizes from 4 to 128, rising"
            ));
        }
        if !(2..=64).contains(&self.bins) {
            return Err(format!("nanodet.bins: {}: expected 2 to 64, reg_max + 1", self.bins));
        }
        if !(0.0..=1.0).contains(&self.offset) {
            return Err(format!("nanodet.offset: {}: expected a share from 0 to 1", self.offset));
        }
        if !self.mean.iter().all(|mean| (-255.0..=255.0).contains(mean)) {
            return Err("nanodet.mean: expected three numbers, blue, green, red, up to 255".to_owned());
        }
        if !self.std.iter().all(|std| (0.001..=1000.0).contains(std)) {
            return Err("nanodet.std: expected three numbers, blue, green, red, from 0.001 to 1000".to_owned());
        }
        Ok(())
    }
}

/// How a picture of another shape gets into the model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Its shape is kept, the rest is grey.
    Letterbox,
    /// It is pulled to the input's shape.
    Stretch,
}

/// How a model is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// How its answer is read.
    pub format: Format,
    /// Its input's width and height, pixels.
    pub input: [usize; 2],
    /// How pictures get into it.
    pub fit: Fit,
    /// Its class ids that are people.
    pub person: Vec<usize>,
    /// Its class ids that are cars, buses, trucks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vehicle: Vec<usize>,
    /// From which score on a box is enough for a person.
    pub sure: f64,
    /// From which score on a box may carry on a person who was there already.
    pub weak: f64,
    /// Boxes that overlap more (IoU) are around one thing.
    pub overlap: f64,
    /// The licence it is under.
    pub licence: String,
    /// Where it is from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Darknet: the network's description beside the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<PathBuf>,
    /// SHA-256 of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_sha256: Option<String>,
    /// NanoDet: how it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nanodet: Option<Nanodet>,
    /// What it did when it was taken in; cards of older versions don't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Tried>,
}

impl Card {
    /// Where a model's card is: beside it, its whole name and `.card.toml`.
    #[must_use]
    pub fn beside(model: &Path) -> PathBuf {
        let mut name = model.file_name().unwrap_or_default().to_owned();
        name.push(".card.toml");
        model.with_file_name(name)
    }

    /// Reads a model's card.
    ///
    /// # Errors
    /// [`ModelError`] when there is none, or it is wrong, with the field.
    pub fn read(model: &Path) -> Result<Self, ModelError> {
        let card = Self::beside(model);
        let text = match std::fs::read_to_string(&card) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let file = model.to_owned();
                return Err(ModelError::NoCard { file, card });
            }
            text => text.map_err(|error| ModelError::Read {
                file: card.clone(),
                error,
            })?,
        };
        let wrong = |why| ModelError::Card {
            card: card.clone(),
            why,
        };
        let this: Self = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        this.check().map_err(wrong)?;
        Ok(this)
    }

    /// Says what in it is out of its limits.
    ///
    /// # Errors
    /// A sentence with the field.
    pub fn check(&self) -> Result<(), String> {
        let is_side = |side: &usize| (32..=2048).contains(side) && side.is_multiple_of(32);
        if !self.input.iter().all(is_side) {
            return Err(format!(
                "input: {:?}: expected width and height from 32 to 2048, multiples of 32",
                self.input
            ));
        }
        for (field, share) in [("sure", self.sure), ("weak", self.weak), ("overlap", self.overlap)] {
            if !(0.01..=0.99).contains(&share) {
                return Err(format!("{field}: {share}: expected a share from 0.01 to 0.99"));
            }
        }
        if self.weak > self.sure {
            return Err(format!(
                "weak: {}: expected at most what sure is, {}",
                self.weak, self.sure
            ));
        }
        if self.person.is_empty() && self.vehicle.is_empty() {
            return Err("person, vehicle: expected class ids in one of them".to_owned());
        }
        if self.person.iter().any(|class| self.vehicle.contains(class)) {
            return Err("person, vehicle: a class id stands in both".to_owned());
        }
        if self.licence.trim().is_empty() {
            return Err("licence: expected the licence that the model is under".to_owned());
        }
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash(&self.sha256) || !self.network_sha256.as_deref().is_none_or(is_hash) {
            return Err("sha256, network_sha256: expected 64 hexadecimal digits".to_owned());
        }
        if (self.format == Format::Nanodet) != self.nanodet.is_some() {
            return Err("nanodet: expected a [nanodet] table for NanoDet, and for NanoDet only".to_owned());
        }
        if let Some(nanodet) = &self.nanodet {
            nanodet.check()?;
        }
        if let Some(tried) = &self.tried {
            tried.check()?;
        }
        let has_network = self.network.is_some() && self.network_sha256.is_some();
        if (self.format == Format::Darknet) != has_network {
            return Err("network, network_sha256: expected for Darknet, and for Darknet only".to_owned());
        }
        Ok(())
    }

    /// What a class id is, if anybody asks for it.
    #[must_use]
    pub fn kind(&self, class: usize) -> Option<Kind> {
        match class {
            _ if self.person.contains(&class) => Some(Kind::Person),
            _ if self.vehicle.contains(&class) => Some(Kind::Vehicle),
            _ => None,
        }
    }
}

/// SHA-256 of bytes, hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tried::tests::tried;
    use super::*;

    fn card() -> Card {
        Card {
            format: Format::Yolox,
            input: [416, 416],
            fit: Fit::Letterbox,
            person: vec![0],
            vehicle: vec![2, 5, 7],
            sure: 0.35,
            weak: 0.1,
            overlap: 0.6,
            licence: "Apache-2.0".to_owned(),
            source: String::new(),
            sha256: sha256(b"model"),
            network: None,
            network_sha256: None,
            nanodet: None,
            tried: None,
        }
    }

    #[test]
    fn a_card_comes_back_as_it_was_written() {
        let text = toml::to_string(&card()).expect("written");
        assert_eq!(toml::from_str::<Card>(&text).expect("read"), card());
        assert_eq!(card().check(), Ok(()));
        let plus = Card {
            format: Format::Nanodet,
            nanodet: Some(Nanodet::plus()),
            tried: Some(tried()),
            ..card()
        };
        let text = toml::to_string(&plus).expect("written");
        assert_eq!(toml::from_str::<Card>(&text).expect("read"), plus);
        assert_eq!(plus.check(), Ok(()));
        assert_eq!(card().kind(5), Some(Kind::Vehicle));
        assert_eq!(card().kind(1), None);
    }

    #[test]
    fn a_hash_is_the_known_one() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn each_wrong_field_is_named() {
        type Spoil = fn(&mut Card);
        let cases: [(&str, Spoil); 12] = [
            ("input", |card| card.input = [416, 400]),
            ("sure", |card| card.sure = f64::NAN),
            ("weak", |card| card.weak = 0.5),
            ("overlap", |card| card.overlap = 1.0),
            ("person", |card| card.person = vec![2]),
            ("licence", |card| card.licence = " ".to_owned()),
            ("sha256", |card| card.sha256 = "abc".to_owned()),
            ("network", |card| card.format = Format::Darknet),
            ("nanodet", |card| card.format = Format::Nanodet),
            ("nanodet.strides", |card| {
                card.format = Format::Nanodet;
                card.nanodet = Some(Nanodet {
                    strides: vec![16, 8],
                    ..Nanodet::default()
                });
            }),
            ("nanodet.std", |card| {
                card.format = Format::Nanodet;
                card.nanodet = Some(Nanodet {
                    std: [57.0, 0.0, 58.0],
                    ..Nanodet::default()
                });
            }),
            ("tried.people", |card| {
                card.tried = Some(Tried { people: 0, ..tried() });
            }),
        ];
        for (field, spoil) in cases {
            let mut card = card();
            spoil(&mut card);
            let why = card.check().expect_err(field);
            assert!(why.contains(field), "{field}: {why}");
        }
    }

    #[test]
    fn a_missing_card_says_how_to_get_one() {
        let dir = tempfile::tempdir().expect("temp");
        let model = dir.path().join("a.onnx");
        assert!(matches!(Card::read(&model), Err(ModelError::NoCard { .. })));
        std::fs::write(Card::beside(&model), "format = \"yolox\"\ninputs = 3").expect("written");
        let error = Card::read(&model).expect_err("wrong").to_string();
        assert!(
            error.contains("a.onnx.card.toml") && error.contains("inputs"),
            "{error}"
        );
    }
}
