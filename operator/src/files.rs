//! Are the files there that the configuration names? Asked before any part starts.

use std::path::{Path, PathBuf};

use protocol::config::{Config, ConfigError, is_film};

/// Checks every file that the office can't do without. (`paths.voice` may be missing: then the avatar shows captions
/// and chimes. What the office makes itself is made.)
///
/// # Errors
/// [`ConfigError`] with file, line, field and what was expected, for the first that is missing.
pub fn check(file: &Path, config: &Config) -> Result<(), ConfigError> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    for (field, path) in named(config) {
        if !path.exists() {
            return Err(ConfigError {
                file: file.to_owned(),
                line: line_of(&text, field, &path),
                field: field.to_owned(),
                message: format!("{} is not there: expected a file or folder that exists", path.display()),
            });
        }
    }
    Ok(())
}

fn named(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let mut named = vec![("paths.rigs", config.paths.rigs.clone())];
    named.extend(config.web.certificate.clone().map(|path| ("web.certificate", path)));
    named.extend(
        config
            .web
            .certificate_key
            .clone()
            .map(|path| ("web.certificate_key", path)),
    );
    if let Some(turn) = &config.turn {
        named.extend(turn.certificate.clone().map(|path| ("turn.certificate", path)));
        named.extend(turn.certificate_key.clone().map(|path| ("turn.certificate_key", path)));
    }
    named.extend(
        config
            .screens
            .iter()
            .map(|screen| ("screen.layout", screen.layout.clone())),
    );
    // Devices come and go, and addresses are asked by `vision`: only films are files.
    let films = config.cameras.iter().map(|camera| ("camera.source", &camera.source));
    let of_screens = config.screens.iter().filter_map(|screen| screen.camera.as_ref());
    let of_screens = of_screens.map(|camera| ("screen.camera.source", camera.source.get_ref()));
    let films = films.chain(of_screens).filter(|(_, source)| is_film(source));
    named.extend(films.map(|(field, source)| (field, PathBuf::from(source))));
    named
}

/// The line that sets the field to this file: the key, and the file's own name.
fn line_of(text: &str, field: &str, path: &Path) -> Option<usize> {
    let key = field.rsplit('.').next()?;
    let name = path.file_name()?.to_str()?;
    let is_it = |line: &str| {
        line.split_once('=')
            .is_some_and(|(k, value)| k.trim() == key && value.contains(name))
    };
    text.lines().position(is_it).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(key: &str, value: &str) -> String {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let base = demo.parent().expect("a folder");
        let text: String = std::fs::read_to_string(&demo)
            .expect("the demo is there")
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some((found, _)) if found == key => format!("{key} = \"{value}\"\n"),
                // The film is fetched by set-up: the test stands on its own without it.
                Some(("source", _)) => "source = \"demo.toml\"\n".to_owned(),
                _ => format!("{line}\n"),
            })
            .collect();
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("office.toml");
        std::fs::write(&file, &text).expect("written");
        let config = Config::parse(&file, &text).expect("sound").resolve(base);
        check(&file, &config).expect_err("a file is missing").to_string()
    }

    #[test]
    fn a_missing_file_is_said_with_file_line_and_field() {
        for (key, field) in [
            ("layout", "screen.layout"),
            ("source", "camera.source"),
            ("rigs", "paths.rigs"),
        ] {
            let error = error(key, "nowhere/missing.thing");
            assert!(error.contains(&format!(": {field}: ")), "{error}");
            assert!(error.contains("nowhere/missing.thing is not there"), "{error}");
            let after = error.split("office.toml:").nth(1).expect("names the file");
            assert!(
                after.chars().next().is_some_and(|it| it.is_ascii_digit()),
                "names the line: {error}"
            );
        }
    }
}
