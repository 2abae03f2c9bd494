//! Groups of screens that show the same frames: what must hold, and what a screen is told of its group.

use std::collections::BTreeMap;

use super::check::{Checker, ConfigError};
use super::{Config, Screen};
use crate::ids::{GroupId, ScreenId};
use crate::screen::Group;
use crate::screen::group::MAX_SCREENS;

impl Config {
    /// A screen's group, as that screen is told of it; `None`: it is in none. `key`: makes a group's key.
    pub fn group_of(&self, screen: &ScreenId, key: impl Fn(&GroupId) -> String) -> Option<Group> {
        let own = self.screens.iter().find(|it| it.id == *screen)?;
        let name = own.group.as_ref()?.get_ref();
        let others: BTreeMap<_, _> = self
            .members(name)
            .filter(|it| it.id != own.id)
            .filter_map(|it| Some((it.id.clone(), *it.address.as_ref()?.get_ref())))
            .collect();
        Some(Group {
            name: name.clone(),
            screen: own.id.clone(),
            address: *own.address.as_ref()?.get_ref(),
            others,
            key: key(name),
        })
    }

    fn members<'a>(&'a self, group: &'a GroupId) -> impl Iterator<Item = &'a Screen> {
        let is_in = move |screen: &&Screen| screen.group.as_ref().is_some_and(|it| it.get_ref() == group);
        self.screens.iter().filter(is_in)
    }
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    for (at, screen) in config.screens.iter().enumerate() {
        let (group, address) = match (&screen.group, &screen.address) {
            (None, None) => continue,
            (Some(group), None) => {
                let message = format!(
                    "screen {:?} is in the group {:?}: expected an address such as \"192.0.2.11:7400\", where the group's other screens reach it",
                    screen.id.as_str(),
                    group.get_ref().as_str()
                );
                return checker.fail(Some(group.span()), "screen.address", message);
            }
            (None, Some(address)) => {
                let message = format!(
                    "screen {:?} has an address and is in no group: expected a group too, or neither",
                    screen.id.as_str()
                );
                return checker.fail(Some(address.span()), "screen.group", message);
            }
            (Some(group), Some(address)) => (group, address),
        };
        let name = group.get_ref();
        let count = config.members(name).count();
        if !(2..=MAX_SCREENS).contains(&count) {
            let message = format!(
                "the group {:?} has {count} of the screens: expected 2 to {MAX_SCREENS}",
                name.as_str()
            );
            return checker.fail(Some(group.span()), "screen.group", message);
        }
        let place = address.get_ref();
        if place.port() == 0 || place.ip().is_unspecified() || place.ip().is_multicast() {
            let message = format!("{place} can't be reached: expected the screen's own address and a port");
            return checker.fail(Some(address.span()), "screen.address", message);
        }
        let mut before = config.screens[..at].iter().filter_map(|it| it.address.as_ref());
        if before.any(|it| it.get_ref() == place) {
            let message = format!("two screens have the address {place}, expected one of its own for each");
            return checker.fail(Some(address.span()), "screen.address", message);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(screens: &str) -> Result<Config, ConfigError> {
        let demo = include_str!("../../../configs/demo.toml");
        Config::parse(Path::new("demo.toml"), &format!("{demo}\n{screens}"))
    }

    fn screen(id: &str, more: &str) -> String {
        format!("[[screen]]\nid = \"{id}\"\nname = {{ ja = \"x\" }}\nlayout = \"x.json\"\n{more}\n")
    }

    #[test]
    fn each_screen_of_a_group_is_told_where_the_others_are() {
        let left = screen("left", "group = \"wall\"\naddress = \"192.0.2.1:7400\"");
        let right = screen("right", "group = \"wall\"\naddress = \"192.0.2.2:7400\"");
        let config = read(&format!("{left}{right}")).expect("sound");
        let group = |id: &str| config.group_of(&ScreenId::new(id).expect("valid"), |name| format!("key of {name}"));
        let told = group("right").expect("a group");
        assert_eq!((told.name.as_str(), told.screen.as_str()), ("wall", "right"));
        assert_eq!(told.address.to_string(), "192.0.2.2:7400");
        let others: Vec<_> = told.others.iter().map(|(id, at)| format!("{id} {at}")).collect();
        assert_eq!(others, ["left 192.0.2.1:7400"]);
        assert_eq!(told.key, "key of wall");
        assert_eq!(group("lobby"), None);
    }

    #[test]
    fn what_cannot_be_a_group_is_refused_with_what_to_do() {
        let two = |a: &str, b: &str| screen("left", a) + &screen("right", b);
        for (screens, field, words) in [
            (two("group = \"wall\"", ""), "screen.address", "expected an address"),
            (two("address = \"192.0.2.1:7400\"", ""), "screen.group", "in no group"),
            (
                two("group = \"wall\"\naddress = \"192.0.2.1:7400\"", ""),
                "screen.group",
                "expected 2 to 16",
            ),
            (
                two(
                    "group = \"wall\"\naddress = \"192.0.2.1:7400\"",
                    "group = \"wall\"\naddress = \"192.0.2.1:7400\"",
                ),
                "screen.address",
                "one of its own",
            ),
            (
                two(
                    "group = \"wall\"\naddress = \"0.0.0.0:7400\"",
                    "group = \"wall\"\naddress = \"192.0.2.1:7400\"",
                ),
                "screen.address",
                "can't be reached",
            ),
        ] {
            let error = read(&screens).expect_err("refused");
            assert_eq!(error.field, field, "{error}");
            assert!(error.message.contains(words), "{error}");
        }
    }
}
