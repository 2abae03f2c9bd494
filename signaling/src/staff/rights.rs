//! What each role may see and do: one table, asked by every route and every request over a WebSocket. Pure.
//!
//! Invariant: what isn't in the table may nobody. An account that changes loses its sessions, so what a session's owner
//! may do stays the same for as long as it lasts.

use protocol::ids::{SectionId, StaffId};
use store::staff::{Account, Role};

use crate::problem::{Fault, Refusal};

/// Something that not everybody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Right {
    /// See consultations: where they stand, never what is said in them.
    SeeConsultations,
    /// Make a link for a resident.
    MakeLinks,
    /// Ask a resident in.
    Admit,
    /// End a call.
    EndCalls,
    /// Withdraw a link before there is a call.
    WithdrawLinks,
    /// See appointments, and whose they are.
    SeeAppointments,
    /// Book, move and cancel them for a resident.
    ChangeAppointments,
    /// See what broadcasts there are.
    SeeBroadcasts,
    /// Make one.
    MakeBroadcasts,
    /// End one.
    EndBroadcasts,
    /// See how many consultations there were, how long residents waited, and how content they were.
    Report,
    /// Write what screens tell everybody, and take it back.
    WriteNotices,
    /// See how crowded areas are, with what only staff see of it.
    SeeCounts,
    /// Say how many people are where doors are counted.
    CorrectCounts,
    /// Set cameras up, and see how they are.
    Cameras,
    /// Take screens in and out, and say what they show.
    Screens,
    /// Invite, change and disable members of staff.
    Accounts,
    /// Read and export the audit log.
    Audit,
}

/// Of which things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Of none.
    No,
    /// Of those they are in, or have made.
    Theirs,
    /// Of their own sections', and theirs.
    Own,
    /// Of all.
    All,
}

impl Right {
    /// All of them, as they are shown.
    pub(crate) const ALL: [Self; 18] = [
        Self::SeeConsultations,
        Self::MakeLinks,
        Self::Admit,
        Self::EndCalls,
        Self::WithdrawLinks,
        Self::SeeAppointments,
        Self::ChangeAppointments,
        Self::SeeBroadcasts,
        Self::MakeBroadcasts,
        Self::EndBroadcasts,
        Self::Report,
        Self::SeeCounts,
        Self::CorrectCounts,
        Self::Cameras,
        Self::WriteNotices,
        Self::Screens,
        Self::Accounts,
        Self::Audit,
    ];

    /// The table: for admins, leads, staff, interpreters.
    fn row(self) -> [Scope; 4] {
        use Scope::{All, No, Own, Theirs};
        match self {
            Self::SeeConsultations => [All, Own, Own, Theirs],
            Self::MakeLinks => [All, Own, Own, No],
            Self::Admit => [Own, Own, Own, No],
            Self::EndCalls => [All, Own, Theirs, No],
            Self::WithdrawLinks => [All, Own, Own, No],
            Self::SeeAppointments => [All, Own, Own, No],
            Self::ChangeAppointments => [All, Own, Own, No],
            Self::SeeBroadcasts => [All, All, All, No],
            Self::MakeBroadcasts => [All, All, All, No],
            Self::EndBroadcasts => [All, All, Theirs, No],
            Self::Report => [All, Own, No, No],
            Self::SeeCounts => [All, All, All, No],
            Self::CorrectCounts => [All, All, No, No],
            Self::Cameras => [All, No, No, No],
            Self::WriteNotices => [All, All, No, No],
            Self::Screens => [All, No, No, No],
            Self::Accounts => [All, No, No, No],
            Self::Audit => [All, No, No, No],
        }
    }

    /// Of which things a role has it.
    pub(crate) fn scope(self, role: Role) -> Scope {
        let [admin, lead, staff, interpreter] = self.row();
        match role {
            Role::Admin => admin,
            Role::Lead => lead,
            Role::Staff => staff,
            Role::Interpreter => interpreter,
        }
    }
}

/// What a right is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Thing<'a> {
    /// The section that it belongs to, where it does.
    pub(crate) section: Option<&'a SectionId>,
    /// Whether the member is in it, or has made it.
    pub(crate) is_theirs: bool,
}

impl<'a> Thing<'a> {
    /// A thing of the whole office: the accounts, the audit log.
    pub(crate) const OFFICE: Self = Self {
        section: None,
        is_theirs: false,
    };

    /// Something new in a section.
    pub(crate) fn in_section(section: &'a SectionId) -> Self {
        Self {
            section: Some(section),
            is_theirs: false,
        }
    }
}

/// A member of staff as the table knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Who.
    pub(crate) id: StaffId,
    /// What they are.
    pub(crate) role: Role,
    /// Where.
    pub(crate) sections: Vec<SectionId>,
}

impl Member {
    /// Of an account.
    pub(crate) fn of(account: &Account) -> Self {
        Self {
            id: account.id.clone(),
            role: account.role,
            sections: account.sections.clone(),
        }
    }

    /// Whether they may do it with this.
    pub(crate) fn may(&self, right: Right, thing: Thing<'_>) -> bool {
        match right.scope(self.role) {
            Scope::All => true,
            Scope::Own => thing.is_theirs || thing.section.is_some_and(|section| self.sections.contains(section)),
            Scope::Theirs => thing.is_theirs,
            Scope::No => false,
        }
    }

    /// Whether there is anything that they may do it with.
    pub(crate) fn right_anywhere(&self, right: Right) -> bool {
        match right.scope(self.role) {
            Scope::All => true,
            Scope::Own | Scope::Theirs => !self.sections.is_empty(),
            Scope::No => false,
        }
    }

    /// Refuses what they may not.
    ///
    /// # Errors
    /// [`Fault::Forbidden`].
    pub(crate) fn check(&self, right: Right, thing: Thing<'_>) -> Result<(), Refusal> {
        if self.may(right, thing) {
            Ok(())
        } else {
            Err(Fault::Forbidden.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(id: &str) -> SectionId {
        SectionId::new(id).expect("valid")
    }

    fn member(role: Role) -> Member {
        Member {
            id: StaffId::new("hanako").expect("valid"),
            role,
            sections: vec![section("kosodate"), section("zei")],
        }
    }

    /// What a role may do with: nothing of its own elsewhere, its own elsewhere, something in its second section, the office.
    fn cells(right: Right, role: Role) -> [bool; 4] {
        let (kaigo, zei) = (section("kaigo"), section("zei"));
        let member = member(role);
        let elsewhere = Thing::in_section(&kaigo);
        let theirs = Thing {
            is_theirs: true,
            ..elsewhere
        };
        [elsewhere, theirs, Thing::in_section(&zei), Thing::OFFICE].map(|thing| member.may(right, thing))
    }

    #[test]
    fn every_cell_of_the_table() {
        const ALL: [bool; 4] = [true, true, true, true];
        const OWN: [bool; 4] = [false, true, true, false];
        const THEIRS: [bool; 4] = [false, true, false, false];
        const NO: [bool; 4] = [false, false, false, false];
        // Written out once more, by hand: the admin, lead, staff and interpreter of each right.
        let expected = [
            (Right::SeeConsultations, [ALL, OWN, OWN, THEIRS]),
            (Right::MakeLinks, [ALL, OWN, OWN, NO]),
            (Right::Admit, [OWN, OWN, OWN, NO]),
            (Right::EndCalls, [ALL, OWN, THEIRS, NO]),
            (Right::WithdrawLinks, [ALL, OWN, OWN, NO]),
            (Right::SeeAppointments, [ALL, OWN, OWN, NO]),
            (Right::ChangeAppointments, [ALL, OWN, OWN, NO]),
            (Right::SeeBroadcasts, [ALL, ALL, ALL, NO]),
            (Right::MakeBroadcasts, [ALL, ALL, ALL, NO]),
            (Right::EndBroadcasts, [ALL, ALL, THEIRS, NO]),
            (Right::Report, [ALL, OWN, NO, NO]),
            (Right::SeeCounts, [ALL, ALL, ALL, NO]),
            (Right::CorrectCounts, [ALL, ALL, NO, NO]),
            (Right::Cameras, [ALL, NO, NO, NO]),
            (Right::WriteNotices, [ALL, ALL, NO, NO]),
            (Right::Screens, [ALL, NO, NO, NO]),
            (Right::Accounts, [ALL, NO, NO, NO]),
            (Right::Audit, [ALL, NO, NO, NO]),
        ];
        assert_eq!(expected.map(|(right, _)| right), Right::ALL);
        for (right, of_roles) in expected {
            for (role, cell) in Role::ALL.into_iter().zip(of_roles) {
                assert_eq!(cells(right, role), cell, "{right:?} of {role:?}");
            }
        }
    }

    #[test]
    fn who_is_of_no_section_has_no_sections_things() {
        let nobody = Member {
            sections: Vec::new(),
            ..member(Role::Lead)
        };
        assert!(!nobody.may(Right::SeeConsultations, Thing::in_section(&section("kosodate"))));
        assert!(nobody.check(Right::MakeLinks, Thing::OFFICE).is_err());
    }
}
