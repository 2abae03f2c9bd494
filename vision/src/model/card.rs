//! The card beside a model's file: what the model is, how it is used, under which licence.
//!
//! Invariant: a card that was read is sound: sizes, class ids and thresholds are within their limits.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Kind, ModelError};

/// How a model's answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// YOLOX as ONNX, without its decoding: grid cells and logarithms. Also LWPD, which is one with one class.
    Yolox,
    /// Darknet's cfg and weights.
    Darknet,
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
        }
    }

    #[test]
    fn a_card_comes_back_as_it_was_written() {
        let text = toml::to_string(&card()).expect("written");
        assert_eq!(toml::from_str::<Card>(&text).expect("read"), card());
        assert_eq!(card().check(), Ok(()));
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
        let cases: [(&str, Spoil); 8] = [
            ("input", |card| card.input = [416, 400]),
            ("sure", |card| card.sure = f64::NAN),
            ("weak", |card| card.weak = 0.5),
            ("overlap", |card| card.overlap = 1.0),
            ("person", |card| card.person = vec![2]),
            ("licence", |card| card.licence = " ".to_owned()),
            ("sha256", |card| card.sha256 = "abc".to_owned()),
            ("network", |card| card.format = Format::Darknet),
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
