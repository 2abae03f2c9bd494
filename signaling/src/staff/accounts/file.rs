//! Accounts as a CSV file (RFC 4180): what is written for a spreadsheet, and what one sends back. Pure.
//!
//! Invariant: what is exported and read again changes nothing; a file with a single fault changes nothing either.

use std::collections::BTreeSet;

use encoding_rs::SHIFT_JIS;
use protocol::config::Config;
use protocol::ids::{SectionId, StaffId};
use protocol::staff::Role;
use sha2::{Digest as _, Sha256};
use store::staff::{Account, Accounts, State};

use super::{LONGEST_NAME, id_of, may_have_no_section, name_of};
use crate::texts::Lang;

/// So many members of staff a file may have.
const ROWS: usize = 5000;
/// A byte order mark tells spreadsheets that it is UTF-8.
const BOM: &str = "\u{feff}";
/// The columns, as they are written; each is also read by its second name.
const COLUMNS: [(&str, &str); 5] = [
    ("職員ID", "id"),
    ("氏名", "name"),
    ("役割", "role"),
    ("所属", "sections"),
    ("状態", "state"),
];
/// The columns that must be there; without the last, nobody is disabled or enabled.
const NEEDED: usize = 4;

/// The first line, for people.
pub(super) fn header() -> String {
    COLUMNS.map(|(name, _)| name).join(",")
}

/// What is wrong in a file, and in which line (1 is the header).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: u64,
    /// The key of a text, whose `{n}` is what was found.
    pub(super) key: &'static str,
    pub(super) found: String,
}

/// One member of staff as a file has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) id: StaffId,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) sections: Vec<SectionId>,
    /// `None`: as it is.
    pub(super) is_disabled: Option<bool>,
}

/// A file's text: UTF-8, with or without a mark, or Shift_JIS as Windows writes it (CP932). `None`: neither.
pub(super) fn decoded(bytes: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(text.trim_start_matches(BOM).to_owned());
    }
    let (text, had_errors) = SHIFT_JIS.decode_without_bom_handling(bytes);
    (!had_errors).then(|| text.into_owned())
}

/// A field's value, and the line that it stands in.
struct Cells<'a> {
    record: &'a csv::StringRecord,
    at: &'a [Option<usize>; COLUMNS.len()],
    line: u64,
}

impl Cells<'_> {
    fn get(&self, column: usize) -> &str {
        let cell = self.at[column].and_then(|at| self.record.get(at));
        cell.unwrap_or_default().trim()
    }

    fn mistake(&self, key: &'static str, found: &str) -> Mistake {
        Mistake {
            line: self.line,
            key,
            found: found.to_owned(),
        }
    }
}

/// Reads all rows, or says everything that is wrong.
pub(super) fn read(text: &str, config: &Config) -> Result<Vec<Row>, Vec<Mistake>> {
    // A record's line is counted from its end of line on, which would be half of Windows' own.
    let text = text.replace("\r\n", "\n");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let of_file = |key, found: &str| Mistake {
        line: 1,
        key,
        found: found.to_owned(),
    };
    let first = match records.next() {
        Some(Ok(first)) => first,
        _ => return Err(vec![of_file("import.error.empty", "")]),
    };
    let at = columns(&first).map_err(|missing| vec![of_file("import.error.columns", &missing)])?;
    let (mut rows, mut mistakes, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for record in records {
        let Ok(record) = record else {
            mistakes.push(of_file("import.error.shape", ""));
            continue;
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cells = Cells {
            record: &record,
            at: &at,
            line,
        };
        // What spreadsheets leave below the last row.
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record.len() != first.len() {
            mistakes.push(cells.mistake("import.error.shape", ""));
            continue;
        }
        match row(&cells, config) {
            Ok(row) if !seen.insert(row.id.clone()) => {
                mistakes.push(cells.mistake("import.error.twice", row.id.as_str()));
            }
            Ok(row) => rows.push(row),
            Err(of_row) => mistakes.extend(of_row),
        }
        if rows.len() > ROWS {
            return Err(vec![of_file("import.error.many", "")]);
        }
    }
    if rows.is_empty() && mistakes.is_empty() {
        mistakes.push(of_file("import.error.empty", ""));
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(mistakes) }
}

/// Where each column is; else those that are missing.
fn columns(first: &csv::StringRecord) -> Result<[Option<usize>; COLUMNS.len()], String> {
    let at = COLUMNS.map(|(name, other)| {
        first
            .iter()
            .position(|cell| cell.trim() == name || cell.trim().eq_ignore_ascii_case(other))
    });
    let missing: Vec<&str> = (0..NEEDED)
        .filter(|column| at[*column].is_none())
        .map(|column| COLUMNS[column].0)
        .collect();
    if missing.is_empty() {
        Ok(at)
    } else {
        Err(missing.join("、"))
    }
}

fn row(cells: &Cells<'_>, config: &Config) -> Result<Row, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let id = id_of(cells.get(0));
    if id.is_none() {
        mistakes.push(cells.mistake("import.error.id", cells.get(0)));
    }
    let name = name_of(cells.get(1));
    if name.is_none() {
        mistakes.push(cells.mistake("import.error.name", ""));
    }
    let role = role_of(cells.get(2));
    if role.is_none() {
        mistakes.push(cells.mistake("import.error.role", cells.get(2)));
    }
    let mut sections: Vec<SectionId> = Vec::new();
    for word in cells.get(3).split([';', '；', '、']).map(str::trim) {
        match section_of(config, word) {
            Some(id) if !sections.contains(&id) => sections.push(id),
            Some(_) => {}
            None if word.is_empty() => {}
            None => mistakes.push(cells.mistake("import.error.section", word)),
        }
    }
    if sections.is_empty() && cells.get(3).is_empty() && role.is_some_and(|role| !may_have_no_section(role)) {
        mistakes.push(cells.mistake("import.error.no_section", ""));
    }
    let is_disabled = match cells.get(4) {
        "" => None,
        "有効" | "招待中" | "active" | "invited" => Some(false),
        "停止" | "disabled" => Some(true),
        other => {
            mistakes.push(cells.mistake("import.error.state", other));
            None
        }
    };
    match (id, name, role) {
        (Some(id), Some(name), Some(role)) if mistakes.is_empty() => Ok(Row {
            line: cells.line,
            id,
            name,
            role,
            sections,
            is_disabled,
        }),
        _ => Err(mistakes),
    }
}

fn role_of(word: &str) -> Option<Role> {
    match word {
        "管理者" => Some(Role::Admin),
        "課長・係長" | "課長" | "係長" => Some(Role::Lead),
        "職員" => Some(Role::Staff),
        "通訳" => Some(Role::Interpreter),
        other => Role::of(other),
    }
}

fn section_of(config: &Config, word: &str) -> Option<SectionId> {
    let found = config.sections.iter().find(|section| {
        section.id.as_str() == word || section.name.ja == word || section.name.en.as_deref() == Some(word)
    });
    found.map(|section| section.id.clone())
}

/// All accounts as a file, in UTF-8 with its mark. Sections that the configuration has no more are written by their id.
pub(super) fn written(accounts: &Accounts, config: &Config) -> String {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    // Writing to memory can't fail.
    let _ = writer.write_record(COLUMNS.map(|(name, _)| name));
    for account in accounts.values() {
        let sections: Vec<&str> = account
            .sections
            .iter()
            .map(|id| config.section(id).map_or(id.as_str(), |section| &section.name.ja))
            .collect();
        let _ = writer.write_record([
            account.id.as_str(),
            &account.name,
            super::super::nav::role_word(Lang::Ja, account.role),
            &sections.join(";"),
            super::super::nav::state_word(Lang::Ja, account.state),
        ]);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    format!("{BOM}{}", String::from_utf8_lossy(&bytes))
}

/// What the accounts of a file are now, as far as a file can change them: to be compared with what was looked at. That
/// somebody logs in meanwhile changes nothing of it.
pub(super) fn fingerprint(rows: &[Row], accounts: &Accounts) -> String {
    let mut hash = Sha256::new();
    for row in rows {
        let account = accounts.get(&row.id);
        let rights = account.map(|it| (&it.name, it.role, &it.sections, it.state));
        hash.update(format!("{} {rights:?}\n", row.id));
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

/// What a row does to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    New(Box<Account>),
    Changed { before: Box<Account>, after: Box<Account> },
    Same,
}

/// What a row does. Pure but for a new account's own secrets.
pub(super) fn effect(row: &Row, accounts: &Accounts) -> Effect {
    debug_assert!(row.name.chars().count() <= LONGEST_NAME);
    let Some(before) = accounts.get(&row.id) else {
        let mut account = Account::new(row.id.clone(), row.name.clone(), row.sections.clone(), row.role);
        if row.is_disabled == Some(true) {
            account.disable();
        }
        return Effect::New(Box::new(account));
    };
    let mut after = before.clone();
    after.name.clone_from(&row.name);
    after.set_rights(row.role, row.sections.clone());
    match (row.is_disabled, before.state) {
        (Some(true), State::Invited | State::Active) => after.disable(),
        (Some(false), State::Disabled) => after.enable(),
        _ => {}
    }
    if after == *before {
        Effect::Same
    } else {
        Effect::Changed {
            before: Box::new(before.clone()),
            after: Box::new(after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config() -> Config {
        let text = r#"
            office = { id = "minami", name = { ja = "南区役所" }, telephone = "0" }
            paths = { run = "run", secrets = "secrets", content = "content", rigs = "rigs" }
            web = { listen = "127.0.0.1:0", public_url = "https://localhost" }
            media = { udp = "127.0.0.1:0", control = "127.0.0.1:0" }
            section = [
              { id = "kosodate", name = { ja = "子育て支援課", en = "Child-rearing Support" } },
              { id = "zei", name = { ja = "税務課" } },
            ]
        "#;
        Config::parse(Path::new("test.toml"), text).expect("a configuration")
    }

    fn accounts() -> Accounts {
        let account = |id: &str, name: &str, role| {
            let id = StaffId::new(id).expect("valid");
            let sections = vec![
                SectionId::new("kosodate").expect("valid"),
                SectionId::new("zei").expect("valid"),
            ];
            Account::new(id, name.to_owned(), sections, role)
        };
        let mut disabled = account("jiro", "相談, 次郎 \"じろう\"", Role::Interpreter);
        disabled.disable();
        let all = [
            account("hanako", "葛\u{e0100}城 花子", Role::Staff).with_password("x".to_owned()),
            account("taro", "𠮷田 太郎", Role::Lead),
            disabled,
        ];
        all.into_iter().map(|account| (account.id.clone(), account)).collect()
    }

    #[test]
    fn what_is_exported_and_read_again_changes_nothing() {
        let (config, accounts) = (config(), accounts());
        let file = written(&accounts, &config);
        assert!(file.starts_with("\u{feff}職員ID,氏名,役割,所属,状態\r\n"), "{file}");
        assert!(file.contains("葛\u{e0100}城 花子,職員,子育て支援課;税務課,有効\r\n"));
        let rows = read(&decoded(file.as_bytes()).expect("utf-8"), &config).expect("no mistakes");
        assert_eq!(rows.len(), 3);
        assert!(rows.iter().all(|row| effect(row, &accounts) == Effect::Same));
    }

    #[test]
    fn a_file_of_windows_is_read_as_well() {
        let text = "職員ID,氏名,役割,所属\r\nsaburo,髙橋 三郎①,係長,子育て支援課\r\n";
        let (bytes, _, had_errors) = SHIFT_JIS.encode(text);
        assert!(!had_errors && std::str::from_utf8(&bytes).is_err());
        let rows = read(&decoded(&bytes).expect("shift_jis"), &config()).expect("no mistakes");
        assert_eq!((rows[0].name.as_str(), rows[0].role), ("髙橋 三郎①", Role::Lead));
        assert_eq!(decoded(&[0xff, 0xfe, 0x41, 0x00]), None, "UTF-16 is neither");
    }

    #[test]
    fn each_row_says_what_it_does() {
        let accounts = accounts();
        let text = "id,name,role,sections,state,memo\n\
                    hanako,葛\u{e0100}城 花子,lead,zei,有効,\n\
                    taro,𠮷田 太郎,lead,kosodate;zei,停止,x\n\
                    jiro,\"相談, 次郎 \"\"じろう\"\"\",通訳,kosodate;zei,有効,\n\
                    saburo,新人 三郎,職員,税務課,,\n\
                    ,,,,,\n";
        let rows = read(text, &config()).expect("no mistakes");
        let effects: Vec<Effect> = rows.iter().map(|row| effect(row, &accounts)).collect();
        let Effect::Changed { before, after } = &effects[0] else {
            panic!("{effects:?}")
        };
        assert_eq!((after.role, after.sections.len()), (Role::Lead, 1));
        assert!(after.epoch > before.epoch, "other rights end sessions");
        assert!(matches!(&effects[1], Effect::Changed { after, .. } if after.state == State::Disabled));
        assert!(matches!(&effects[2], Effect::Changed { after, .. } if after.state == State::Invited));
        assert!(matches!(&effects[3], Effect::New(account) if account.state == State::Invited));
    }

    #[test]
    fn mistakes_are_told_by_line_and_field_all_at_once() {
        let text = "職員ID,氏名,役割,所属,状態\n\
                    花子,花子,職員,zei,\n\
                    taro,,部長,zei;nowhere,休職\n\
                    jiro,=1+1,職員,,\n\
                    saburo,三郎,管理者,,有効\n\
                    saburo,三郎,管理者,,有効\n\
                    short,x\n";
        let mistakes = read(text, &config()).expect_err("mistakes");
        let told: Vec<(u64, &str, &str)> = mistakes
            .iter()
            .map(|mistake| (mistake.line, mistake.key, mistake.found.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (2, "import.error.id", "花子"),
                (3, "import.error.name", ""),
                (3, "import.error.role", "部長"),
                (3, "import.error.section", "nowhere"),
                (3, "import.error.state", "休職"),
                (4, "import.error.name", ""),
                (4, "import.error.no_section", ""),
                (6, "import.error.twice", "saburo"),
                (7, "import.error.shape", ""),
            ]
        );
        for mistake in &mistakes {
            for lang in Lang::ALL {
                assert_ne!(lang.catalogue().text(mistake.key), "—", "{}", mistake.key);
            }
        }
        let columns = read("職員ID,氏名\nx,y\n", &config()).expect_err("columns");
        assert_eq!(
            (columns[0].key, columns[0].found.as_str()),
            ("import.error.columns", "役割、所属")
        );
        assert_eq!(read("", &config()).expect_err("empty")[0].key, "import.error.empty");
    }
}
