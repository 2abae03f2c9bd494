//! A player whose GStreamer has the bad decoder beside its own plugins (`tests/bad-decoder`).
#![allow(dead_code, clippy::expect_used)]

use std::path::PathBuf;

use bad_decoder::FILE;

use super::office::{Office, Running};

/// GStreamer's own plugins, and the bad one.
pub struct Plugins(tempfile::TempDir);

impl Plugins {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp");
        let built = std::env::current_exe().expect("this test").with_file_name(FILE);
        std::fs::copy(&built, dir.path().join(FILE)).unwrap_or_else(|error| panic!("{}: {error}", built.display()));
        Self(dir)
    }

    pub fn registry(&self) -> PathBuf {
        self.0.path().join("registry.bin")
    }

    pub fn start(&self, office: &Office) -> Running {
        let mut command = office.command(&["--headless"]);
        command.env("GST_PLUGIN_PATH", self.0.path());
        command.env("GST_REGISTRY", self.registry());
        Running(command.spawn().expect("starts"))
    }
}
