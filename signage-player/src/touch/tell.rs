//! For whoever sets up a screen: which devices there are, which of them are touch panels, and where they are touched.

use anyhow::{Context, Result, bail};
use protocol::config::Touch;

use super::{Contact, Spot, reader};

/// Lists the machine's input devices; then prints, for every contact, its panel, phase and place in percent of the picture,
/// until the program is ended or all panels are gone.
///
/// # Errors
/// When there are no devices, or none of them is a touch panel.
pub fn tell(config: &Touch) -> Result<()> {
    let paths = reader::devices().context("/dev/input can't be read: is an input device there at all?")?;
    let mut panels = Vec::new();
    for path in paths {
        match reader::open(&path, config) {
            Ok((device, panel)) => {
                println!(
                    "{}: {:?}: a touch panel ({:?})",
                    path.display(),
                    panel.name,
                    panel.protocol
                );
                panels.push((device, panel));
            }
            Err(error) => println!("{}: not read: {error}", path.display()),
        }
    }
    if panels.is_empty() {
        bail!("no device is a touch panel");
    }
    println!("Touch the picture's corners: top left must be 0 0, bottom right 100 100.");
    println!("Nothing comes while a player runs: it has the panel alone (player.touch.grab).");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut reading = tokio::task::JoinSet::new();
        for (device, panel) in panels {
            let name = panel.name.clone();
            let print = move |contact: Contact| {
                let Spot { x, y } = contact.spot;
                println!(
                    "{name}: contact {} {:?} {:.1} {:.1}",
                    contact.id,
                    contact.phase,
                    x * 100.0,
                    y * 100.0
                );
                std::future::ready(true)
            };
            reading.spawn(reader::follow(device, panel, config.clone(), print));
        }
        while let Some(ended) = reading.join_next().await {
            println!("a panel is gone: {}", ended?);
        }
        Ok(())
    })
}
