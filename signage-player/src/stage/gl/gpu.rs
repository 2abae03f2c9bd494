//! Whether the machine has a GPU: a render node (DRM's sysfs) whose driver drives a real one. Pure but for what it is given.

use std::fs;
use std::io;
use std::path::Path;

/// Kernel drivers with render nodes behind which the processor draws, or another machine's.
const VIRTUAL: [&str; 8] = [
    "vgem",
    "vkms",
    "virtio_gpu",
    "virtio-pci",
    "vmwgfx",
    "vboxvideo",
    "simple-framebuffer",
    "evdi",
];

/// A node of a card's by which programs draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// Its name, such as `renderD128`.
    pub node: String,
    /// Its kernel driver, such as `i915`, `amdgpu`, `v3d`.
    pub driver: String,
}

/// Why no GPU can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoGpu {
    /// No card draws.
    #[error("there is no GPU (looked for renderD* in {0})")]
    NoNodes(String),
    /// None of those that do is a real one.
    #[error("there is no GPU but virtual ones ({0})")]
    Virtual(String),
    /// It isn't for this user.
    #[error(
        "the GPU /dev/dri/{node} ({driver}) can't be opened ({why}): the player's user must be in the group `render`"
    )]
    Closed {
        /// Its node.
        node: String,
        /// Its driver.
        driver: String,
        /// What the system says.
        why: String,
    },
}

/// The machine's GPU, the one with the lowest number that is real and that `opens`. `folder`: where the kernel says what there
/// is, `/sys/class/drm`; `opens`: tries a node of `/dev/dri`.
///
/// # Errors
/// [`NoGpu`].
pub fn find(folder: &Path, opens: impl Fn(&str) -> io::Result<()>) -> Result<Gpu, NoGpu> {
    let all = nodes(folder);
    if all.is_empty() {
        return Err(NoGpu::NoNodes(folder.display().to_string()));
    }
    let (real, others): (Vec<Gpu>, Vec<Gpu>) = all.into_iter().partition(is_real);
    if real.is_empty() {
        let named = |gpu: &Gpu| format!("{}: {}", gpu.node, or_none(&gpu.driver));
        return Err(NoGpu::Virtual(others.iter().map(named).collect::<Vec<_>>().join(", ")));
    }
    let mut first = None;
    for gpu in real {
        match opens(&gpu.node) {
            Ok(()) => return Ok(gpu),
            Err(error) => first = first.or(Some((gpu, error))),
        }
    }
    let Some((gpu, error)) = first else {
        return Err(NoGpu::NoNodes(folder.display().to_string()));
    };
    Err(NoGpu::Closed {
        node: gpu.node,
        driver: gpu.driver,
        why: error.to_string(),
    })
}

fn is_real(gpu: &Gpu) -> bool {
    // The kernel's own devices (vgem, vkms) have no driver in sysfs.
    !gpu.driver.is_empty() && !VIRTUAL.contains(&gpu.driver.as_str())
}

fn or_none(driver: &str) -> &str {
    if driver.is_empty() { "no driver" } else { driver }
}

/// All render nodes, by their numbers.
fn nodes(folder: &Path) -> Vec<Gpu> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let node = entry.file_name().into_string().ok()?;
        let number: u32 = node.strip_prefix("renderD")?.parse().ok()?;
        let driver = fs::read_link(entry.path().join("device/driver")).unwrap_or_default();
        let driver = driver.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Some((number, Gpu { node, driver }))
    });
    let mut all: Vec<(u32, Gpu)> = numbered.collect();
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, gpu)| gpu).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A machine's folder with render nodes, each with its driver.
    fn machine(nodes: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("temp");
        // What else lies there.
        for other in ["card0", "card0-HDMI-A-1", "renderer", "version"] {
            fs::create_dir(dir.path().join(other)).expect("made");
        }
        for (node, driver) in nodes {
            let device = dir.path().join(node).join("device");
            fs::create_dir_all(&device).expect("made");
            if !driver.is_empty() {
                let to = format!("../../../../bus/pci/drivers/{driver}");
                symlink(to, device.join("driver")).expect("linked");
            }
        }
        dir
    }

    fn found(nodes: &[(&str, &str)]) -> Result<String, NoGpu> {
        find(machine(nodes).path(), |_| Ok(())).map(|gpu| format!("{} {}", gpu.node, gpu.driver))
    }

    #[test]
    fn a_gpu_is_a_render_node_of_a_real_cards_driver() {
        for driver in [
            "i915", "xe", "amdgpu", "nouveau", "v3d", "panfrost", "etnaviv", "msm_dpu",
        ] {
            let expected = format!("renderD128 {driver}");
            assert_eq!(found(&[("renderD128", driver)]).as_deref(), Ok(expected.as_str()));
        }
        assert_eq!(
            found(&[("renderD129", "amdgpu"), ("renderD128", "vgem")]).as_deref(),
            Ok("renderD129 amdgpu")
        );
        let two = [("renderD130", "i915"), ("renderD129", "amdgpu")];
        assert_eq!(found(&two).as_deref(), Ok("renderD129 amdgpu"), "the lower number");
    }

    #[test]
    fn what_only_pretends_to_be_a_gpu_is_none_and_it_is_said_what_there_is() {
        assert!(matches!(found(&[]), Err(NoGpu::NoNodes(_))));
        let nowhere = find(Path::new("/nowhere/drm"), |_| Ok(()))
            .expect_err("no folder")
            .to_string();
        assert!(nowhere.contains("renderD* in /nowhere/drm"), "{nowhere}");
        for driver in VIRTUAL {
            let said = found(&[("renderD128", driver)]).expect_err("virtual").to_string();
            assert!(said.contains(&format!("renderD128: {driver}")), "{said}");
        }
        let said = found(&[("renderD128", "")]).expect_err("no driver").to_string();
        assert!(said.contains("renderD128: no driver"), "{said}");
    }

    #[test]
    fn a_gpu_that_the_user_may_not_open_is_none_unless_another_one_opens() {
        let dir = machine(&[("renderD128", "i915"), ("renderD129", "amdgpu")]);
        let refuse = |_: &str| Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let said = find(dir.path(), refuse).expect_err("closed").to_string();
        assert!(
            said.contains("/dev/dri/renderD128 (i915)") && said.contains("group `render`"),
            "{said}"
        );
        let second = |node: &str| if node == "renderD129" { Ok(()) } else { refuse(node) };
        assert_eq!(find(dir.path(), second).map(|gpu| gpu.driver).as_deref(), Ok("amdgpu"));
    }
}
