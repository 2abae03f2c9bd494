//! The task that talks with the group's other screens: it says what this one is, hears what they are, and steers the clock.
//!
//! It runs in the picture's process, on the sockets' side: the stage waits for nothing here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use protocol::screen;
use runtime::Shutdown;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Group;
use super::clock::Clock;
use super::member::Member;
use super::wire::MAX_BYTES;

/// How often the clock is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Of these, each so manieth says what this screen is.
const SAY_EVERY: u32 = 2;
/// An address that can't be listened at is tried again after so long.
const RETRY: Duration = Duration::from_secs(2);

/// Keeps this screen in the group that its manifest names, until the shutdown.
pub async fn run(
    group: Group,
    clock: Arc<Clock>,
    mut wanted: watch::Receiver<Option<screen::Group>>,
    shutdown: Shutdown,
) {
    loop {
        let now = wanted.borrow_and_update().clone();
        tokio::select! {
            () = shutdown.started() => return,
            changed = wanted.changed() => {
                group.leave();
                if changed.is_err() {
                    return;
                }
            }
            () = take_part(&group, &clock, now) => {}
        }
    }
}

async fn take_part(group: &Group, clock: &Arc<Clock>, settings: Option<screen::Group>) {
    let Some(settings) = settings else {
        group.leave();
        return std::future::pending().await;
    };
    let name = settings.name.clone();
    loop {
        if let Err(error) = converse(group, clock, &settings).await {
            tracing::warn!(group = %name, "plays alone: {error:#}");
            group.play_alone(&settings);
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Listens and speaks until that can't go on.
async fn converse(group: &Group, clock: &Arc<Clock>, settings: &screen::Group) -> Result<()> {
    let address = settings.address;
    let socket = UdpSocket::bind(address)
        .await
        .with_context(|| format!("its address {address} can't be listened at"))?;
    let begun = Instant::now();
    let mut member = Member::new(group.clone(), Arc::clone(clock), settings.clone())?;
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // One byte more than is taken: what fills it was longer.
    let mut datagram = [0; MAX_BYTES + 1];
    let mut count = 0_u32;
    loop {
        tokio::select! {
            received = socket.recv_from(&mut datagram) => {
                // Errors here are old news: that somebody's port was closed (ICMP).
                let Ok((length, _)) = received else { continue };
                if let Some(back) = member.hear(&datagram[..length], begun.elapsed()) {
                    say(&socket, &mut member, &[back]).await;
                }
            }
            _ = look.tick() => {
                member.look(begun.elapsed());
                if count.is_multiple_of(SAY_EVERY) {
                    let others: Vec<SocketAddr> = settings.others.values().copied().collect();
                    say(&socket, &mut member, &others).await;
                }
                count = count.wrapping_add(1);
            }
        }
    }
}

async fn say(socket: &UdpSocket, member: &mut Member, to: &[SocketAddr]) {
    let datagram = member.beacon();
    for address in to {
        // What doesn't arrive is said again a moment later.
        let _ = socket.send_to(&datagram, address).await;
    }
}
