//! What a piece of work cost.

use std::time::Duration;

/// CPU time of this process, all threads, user and system (getrusage(2)).
///
/// # Errors
/// What the system says.
pub fn cpu_time() -> Result<Duration, nix::Error> {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF)?;
    let spent = [usage.user_time(), usage.system_time()].map(|time| {
        // Neither is ever below 0.
        Duration::from_micros(u64::try_from(time.tv_sec() * 1_000_000 + time.tv_usec()).unwrap_or(0))
    });
    Ok(spent[0] + spent[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_grows() {
        let before = cpu_time().expect("read");
        let mut sum = 0_u64;
        while cpu_time().expect("read") < before + Duration::from_millis(20) {
            sum = sum.wrapping_add(1);
        }
        assert!(sum > 0);
    }
}
