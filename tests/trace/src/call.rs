//! A line of strace's report.

use std::path::PathBuf;

use crate::text::is_text;

/// `1700000000.123456 name(arguments) = result`.
#[derive(Debug)]
pub struct Call<'a> {
    /// When it was made, in seconds since 1970.
    pub at: f64,
    /// The call's name.
    pub name: &'a str,
    /// All between the brackets.
    pub arguments: &'a str,
    /// What the kernel answered; `?` where the program was ended meanwhile.
    pub result: &'a str,
}

/// What stands in a line.
#[derive(Debug)]
pub enum Line<'a> {
    /// A call.
    Call(Call<'a>),
    /// The process has ended: nothing comes after it.
    End,
    /// A signal came.
    Signal,
    /// Something else.
    Unknown,
}

/// The two ends of a unix socket, as the kernel numbers them, and the path that this end is bound to.
#[derive(Debug, PartialEq, Eq)]
pub struct Unix<'a> {
    /// This end.
    pub own: u64,
    /// Its path, where it has one.
    pub path: Option<&'a str>,
}

impl<'a> Line<'a> {
    pub fn parse(line: &'a str) -> Self {
        let Some((at, rest)) = line.split_once(' ') else {
            return Self::Unknown;
        };
        let Ok(at) = at.parse() else {
            return Self::Unknown;
        };
        let rest = rest.trim_start();
        if rest.starts_with("+++ ") && rest.ends_with(" +++") {
            return Self::End;
        }
        if rest.starts_with("--- ") && rest.ends_with(" ---") {
            return Self::Signal;
        }
        let Some((name, rest)) = rest.split_once('(') else {
            return Self::Unknown;
        };
        let is_name = name
            .bytes()
            .all(|letter| letter == b'_' || letter.is_ascii_alphanumeric());
        // The result is after the last bracket: bytes that look like one stand between quotes before it.
        match rest.rsplit_once(" = ") {
            Some((arguments, result)) if is_name && !name.is_empty() => {
                let arguments = arguments.trim_end();
                let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
                let arguments = arguments.strip_suffix(" <unfinished ...>").unwrap_or(arguments);
                Self::Call(Call {
                    at,
                    name,
                    arguments,
                    result,
                })
            }
            _ => Self::Unknown,
        }
    }
}

impl<'a> Call<'a> {
    /// The number, path or kind behind the first descriptor (`7</srv/a>, …`), and what comes after it.
    pub fn descriptor(&self) -> Option<(&'a str, &'a str, &'a str)> {
        let (number, rest) = self.arguments.split_once('<')?;
        let (to, content) = rest.split_once(">, ")?;
        number
            .bytes()
            .all(|letter| letter.is_ascii_digit())
            .then_some((number, to, content))
    }

    /// Whether the kernel refused, so that nothing has happened. A connection that is being made isn't refused.
    pub fn is_refused(&self) -> bool {
        self.result.starts_with('-') && !self.result.contains("EINPROGRESS")
    }

    /// Bytes that were written; of a call that the program's end has cut off as many as it asked for. `None`: that can't
    /// be told.
    pub fn written(&self) -> Option<u64> {
        if self.result.starts_with('?') {
            return self.asked();
        }
        self.result.split(' ').next()?.parse().ok()
    }

    fn asked(&self) -> Option<u64> {
        if self.arguments.contains("iov_len=") {
            let parts = self.arguments.split("iov_len=").skip(1);
            return parts
                .map(|part| {
                    let end = part.find(|letter: char| !letter.is_ascii_digit());
                    part[..end.unwrap_or(part.len())].parse::<u64>().ok()
                })
                .sum();
        }
        // After the bytes, in quotes: `"abc"..., 3, flags`.
        let (_, rest) = self.arguments.rsplit_once('"')?;
        let rest = rest.trim_start_matches('.').strip_prefix(", ")?;
        rest.split(',').next()?.parse().ok()
    }

    /// Whether all that is shown of its bytes is text.
    pub fn is_text(&self) -> bool {
        self.descriptor().is_some_and(|(_, _, content)| is_text(content))
    }

    /// The unix address that it names: a path, or `@` and a name that is on no disk (unix(7)).
    pub fn unix_address(&self) -> Option<PathBuf> {
        let (_, rest) = self.arguments.split_once("sun_path=")?;
        let mut parts = rest.split('"');
        let kind = parts.next().filter(|kind| ["", "@"].contains(kind))?;
        Some(format!("{kind}{}", parts.next()?).into())
    }

    /// The paths of a call that names files: all that stands in quotes.
    pub fn paths(&self) -> impl Iterator<Item = &'a str> {
        self.arguments.split('"').skip(1).step_by(2)
    }

    /// The inodes of the pipe that it made: `[3<pipe:[77]>, 4<pipe:[77]>], 0`.
    pub fn pipes(&self) -> impl Iterator<Item = u64> {
        let parts = self.arguments.split("<pipe:[").skip(1);
        parts.filter_map(|part| part.split_once(']')?.0.parse().ok())
    }
}

/// The inode of `pipe:[77]`.
pub fn pipe(to: &str) -> Option<u64> {
    to.strip_prefix("pipe:[")?.strip_suffix(']')?.parse().ok()
}

/// `UNIX-STREAM:[12->34,"/run/a"]`, with or without other end and path.
pub fn unix(to: &str) -> Option<Unix<'_>> {
    let kinds = ["UNIX-STREAM:[", "UNIX-SEQPACKET:["];
    let inside = kinds.iter().find_map(|kind| to.strip_prefix(kind))?.strip_suffix(']')?;
    let (ends, path) = match inside.split_once(',') {
        Some((ends, path)) => (
            ends,
            Some(path.trim_start_matches('@').strip_prefix('"')?.strip_suffix('"')?),
        ),
        None => (inside, None),
    };
    let own = ends.split("->").next()?.parse().ok()?;
    Some(Unix { own, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Call<'_> {
        match Line::parse(line) {
            Line::Call(call) => call,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn what_a_call_cut_off_by_the_end_asked_for_counts_as_written() {
        let cut = r#"1.5 write(2</srv/log>, "a, \"b\" = 7"..., 5000 <unfinished ...>) = ?"#;
        assert_eq!(call(cut).written(), Some(5000));
        let cut = r#"1.5 sendmsg(5<UNIX-STREAM:[1->2]>, {msg_iov=[{iov_base="ab", iov_len=2}, {iov_base="c", iov_len=30}]}, 0) = ?"#;
        assert_eq!(call(cut).written(), Some(32));
        assert_eq!(call(r#"1.5 write(2</srv/log>, "abc", 3)  = 2"#).written(), Some(2));
        assert_eq!(
            call("1.5 write(2</srv/log>, 0x7f00 <unfinished ...>) = ?").written(),
            None
        );
    }

    #[test]
    fn ends_and_nonsense_are_told_from_calls() {
        assert!(matches!(Line::parse("1.5 +++ exited with 0 +++"), Line::End));
        assert!(matches!(
            Line::parse("1.5 +++ killed by SIGKILL (core dumped) +++"),
            Line::End
        ));
        assert!(matches!(
            Line::parse("1.5 --- SIGCHLD {si_signo=SIGCHLD, si_status=0} ---"),
            Line::Signal
        ));
        for nonsense in [
            "",
            "write(1, \"\", 0) = 0",
            "1.5 write(2</srv/log>, \"ab",
            "1.5 a b(c) = 1",
        ] {
            assert!(matches!(Line::parse(nonsense), Line::Unknown), "{nonsense}");
        }
    }

    #[test]
    fn an_address_is_a_path_or_a_name_of_no_disk() {
        let of = |path: &str| {
            let line = format!("1.5 connect(3<UNIX-STREAM:[7]>, {{sa_family=AF_UNIX, sun_path={path}}}, 20) = 0");
            call(&line).unix_address()
        };
        assert_eq!(of("\"/run/a\""), Some("/run/a".into()));
        assert_eq!(of("@\"a\""), Some("@a".into()));
        assert_eq!(of("x\"a\""), None);
        assert_eq!(
            call("1.5 connect(3<TCP:[7]>, {sa_family=AF_INET}, 20) = 0").unix_address(),
            None
        );
    }

    #[test]
    fn both_ends_of_a_socket_are_known() {
        let own = |to| unix(to).map(|unix| unix.own);
        assert_eq!(own("UNIX-STREAM:[12->34]"), Some(12));
        let bound = unix("UNIX-STREAM:[12->34,\"/run/a\"]").expect("one");
        assert_eq!((bound.own, bound.path), (12, Some("/run/a")));
        assert_eq!(own("UNIX-SEQPACKET:[12->34]"), Some(12));
        assert_eq!(own("UNIX-SEQPACKET:[12->34,@\"a\"]"), Some(12));
        assert_eq!(own("UNIX-DGRAM:[12]"), None);
        assert_eq!(call("1.5 pipe2([3<pipe:[7]>, 4<pipe:[7]>], 0) = 0").pipes().count(), 2);
    }
}
