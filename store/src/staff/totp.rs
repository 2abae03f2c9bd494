//! Time-based one-time passwords (RFC 6238): HMAC-SHA-1, 30 seconds, 6 digits, as every authenticator app makes them. Pure.
//!
//! Invariant: a step's code is taken at most once, and none of an earlier step after it.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

const STEP_SECONDS: u64 = 30;
const DIGITS: u32 = 6;
/// A phone's clock may be so many steps off, either way (RFC 6238 §5.2 recommends one).
const DRIFT: u64 = 1;

/// A second factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    secret: String,
    /// The step whose code was taken last.
    last_step: u64,
}

impl std::fmt::Debug for Totp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the secret.
        f.write_str("Totp")
    }
}

impl Totp {
    /// Of a secret in base32; `None`: it isn't one.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        BASE32_NOPAD.decode(secret.as_bytes()).ok()?;
        Some(Self {
            secret: secret.to_owned(),
            last_step: 0,
        })
    }

    /// Whether the code is right at `now` and wasn't taken yet. Full-width digits and spaces are as good.
    pub fn take(&mut self, code: &str, now: UnixMillis) -> bool {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).map(half_width).collect();
        let Ok(secret) = BASE32_NOPAD.decode(self.secret.as_bytes()) else {
            return false;
        };
        let step = step_at(now);
        let mut taken = None;
        for step in step.saturating_sub(DRIFT)..=step + DRIFT {
            let right = digits(&secret, step, DIGITS);
            if bool::from(right.as_bytes().ct_eq(code.as_bytes())) && step > self.last_step {
                taken = Some(step);
            }
        }
        if let Some(step) = taken {
            self.last_step = step;
        }
        taken.is_some()
    }
}

/// The code of a secret at a time; `None`: the secret isn't one.
#[must_use]
pub fn code_at(secret: &str, now: UnixMillis) -> Option<String> {
    let secret = BASE32_NOPAD.decode(secret.as_bytes()).ok()?;
    Some(digits(&secret, step_at(now), DIGITS))
}

fn half_width(c: char) -> char {
    match c {
        '０'..='９' => char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')).unwrap_or(c),
        other => other,
    }
}

fn step_at(now: UnixMillis) -> u64 {
    now.0 / 1000 / STEP_SECONDS
}

/// HOTP (RFC 4226 §5.3) of a step.
fn digits(secret: &[u8], step: u64, digits: u32) -> String {
    // HMAC takes keys of every length; were it not so, no code would be right.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else {
        return String::new();
    };
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 0x0f);
    let number = u32::from_be_bytes([
        hash[offset] & 0x7f,
        hash[offset + 1],
        hash[offset + 2],
        hash[offset + 3],
    ]);
    let width = digits as usize;
    format!("{:0width$}", number % 10u32.pow(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn the_codes_are_those_of_rfc_6238_appendix_b() {
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(digits(SECRET, step_at(UnixMillis(seconds * 1000)), 8), code);
        }
    }

    #[test]
    fn the_codes_are_those_of_rfc_4226_appendix_d() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
        ];
        for (step, code) in (0..).zip(codes) {
            assert_eq!(digits(SECRET, step, 6), code);
        }
    }

    fn totp() -> Totp {
        Totp::new(&BASE32_NOPAD.encode(SECRET)).expect("a secret")
    }

    #[test]
    fn a_clock_may_be_one_step_off_and_no_more() {
        let at = |step: u64| UnixMillis(step * STEP_SECONDS * 1000);
        for (step, is_right) in [(98, false), (99, true), (100, true), (101, true), (102, false)] {
            let code = digits(SECRET, step, DIGITS);
            assert_eq!(totp().take(&code, at(100)), is_right, "{step}");
        }
    }

    #[test]
    fn no_code_is_taken_twice_nor_an_earlier_one_after_it() {
        let mut totp = totp();
        let now = UnixMillis(100 * STEP_SECONDS * 1000);
        assert!(totp.take(&digits(SECRET, 100, DIGITS), now));
        assert!(!totp.take(&digits(SECRET, 100, DIGITS), now));
        assert!(!totp.take(&digits(SECRET, 99, DIGITS), now));
        assert!(totp.take(&digits(SECRET, 101, DIGITS), now));
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        let now = UnixMillis(100 * STEP_SECONDS * 1000);
        let code = digits(SECRET, 100, DIGITS);
        let wide: String = code
            .chars()
            .map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10).expect("a digit"))
            .collect();
        assert!(totp().take(&format!(" {} {}", &code[..3], &code[3..]), now));
        assert!(totp().take(&wide, now));
        for wrong in ["", "12345", "1234567", "abcdef"] {
            assert!(!totp().take(wrong, now));
        }
        assert_eq!(Totp::new("not base32!"), None);
    }
}
