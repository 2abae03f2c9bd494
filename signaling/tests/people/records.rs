//! Accounts from a file, and the audit log.

use protocol::ids::{ConsultationId, StaffId};
use protocol::signal::{ClientBody, Identity};
use reqwest::Method;
use store::audit::{self, Verifier, csv};

use crate::between;
use crate::common::browser::{Browser, csrf_of};
use crate::common::office::{Office, office_id};

/// A file, as a browser's form sends it.
async fn upload(admin: &mut Browser, file: &[u8]) -> (u16, String) {
    let (_, page) = admin.text("/staff/accounts/import").await;
    let csrf = csrf_of(&page);
    let mut body = format!(
        "--mark\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--mark\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--mark--\r\n");
    let request = admin
        .request(Method::POST, "/staff/accounts/import")
        .header("content-type", "multipart/form-data; boundary=mark")
        .body(body);
    let response = admin.send(request).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn apply(admin: &mut Browser, preview: &str, text: &str) -> (u16, String) {
    let before = between(preview, "name=\"before\" value=\"", "\"");
    let fields = [("before", before), ("text", text)];
    let (status, _, page) = admin.submit(preview, "/staff/accounts/import/apply", &fields).await;
    (status, page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_looked_at_first_and_then_changes_all_or_nothing() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let (_, page) = admin.text("/staff/accounts").await;
    let (_, _, exported) = admin.submit(&page, "/staff/accounts/export", &[]).await;
    let hanako = "hanako,窓口 花子,職員,子育て支援課;介護保険課,有効";
    // The byte order mark that spreadsheets want is taken away by the client.
    assert!(exported.contains(hanako), "{exported}");
    let (status, page) = upload(&mut admin, exported.as_bytes()).await;
    assert!(status == 200 && page.contains("変わるところがありません"), "{page}");

    let text = "職員ID,氏名,役割,所属,状態\r\n\
                hanako,窓口 花子,係長,子育て支援課,有効\r\n\
                jiro,介護 次郎,職員,介護保険課,停止\r\n\
                shiro,𠮷田 四郎,職員,kaigo,\r\n";
    let (status, preview) = upload(&mut admin, text.as_bytes()).await;
    assert_eq!(status, 200);
    assert!(preview.contains("追加 1人、変更 2人、変わらない人 0人"), "{preview}");
    assert!(preview.contains("<del>職員</del> → <ins>課長・係長</ins>"), "{preview}");
    let get = async |id: &str| {
        let id = StaffId::new(id).unwrap();
        store::staff::get(&office.store.ledger, &office_id(), &id)
            .await
            .unwrap()
    };
    assert!(get("shiro").await.is_none(), "nothing has changed yet");
    // Somebody else changes one of them in between: then it has to be looked at again.
    let (_, page) = admin.text("/staff/accounts/one/hanako").await;
    let fields = [("name", "窓口 華子"), ("role", "staff"), ("section", "kosodate")];
    admin.submit(&page, "/staff/accounts/one/hanako", &fields).await;
    let (_, again) = apply(&mut admin, &preview, text).await;
    assert!(again.contains("ほかの人がアカウントを変更しました") && get("shiro").await.is_none());
    // That somebody logs in doesn't.
    let mut live = office.staff("jiro").await.live(Identity::Staff).await;
    let (status, done) = apply(&mut admin, &again, text).await;
    assert!(status == 200 && done.contains("/staff/invited/shiro/"), "{done}");
    assert_eq!(live.closed().await, 4401, "disabled by the file, out at once");
    assert_eq!(get("hanako").await.unwrap().role, store::staff::Role::Lead);
    assert_eq!(get("shiro").await.unwrap().name, "𠮷田 四郎");

    let wrong = "職員ID,氏名,役割,所属\r\nx,名前,社長,どこか\r\n";
    let (status, page) = upload(&mut admin, wrong.as_bytes()).await;
    assert_eq!(status, 400);
    assert!(
        page.contains("2行目") && page.contains("「社長」") && page.contains("「どこか」"),
        "{page}"
    );
    let (status, page) = upload(&mut admin, &[0xff, 0xfe, 0x00]).await;
    assert!(status == 400 && page.contains("Shift_JIS"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_written_down_without_names_or_links_and_can_be_verified() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    let (id, link) = hanako.create("kosodate").await;
    let mut browser = office.browser();
    assert_eq!(browser.log_in("hanako", "wrong").await, 401);
    let mut resident = office.browser().resident(&link).await;
    resident.ask(ClientBody::Ready { can_encrypt: true }).await;
    let end = ClientBody::End {
        consultation: ConsultationId::new(id.clone()).unwrap(),
    };
    resident.ask(end).await;
    let mut admin = office.staff("kanri").await;
    let (status, page) = admin.text("/staff/audit").await;
    assert_eq!(status, 200);
    for word in ["相談リンクを作った", "ログインに失敗した", "相談を終えた"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let (_, _, file) = admin.submit(&page, "/staff/audit", &[("day", "")]).await;
    let entries = csv::entries(&file).unwrap();
    let of = |what: &str| {
        let mut found = entries.iter().filter(|entry| entry.what == what);
        let entry = found.next().unwrap_or_else(|| panic!("no {what} in {file}"));
        (entry.who.clone(), entry.which.clone())
    };
    assert_eq!(of("consultation.created"), ("staff/hanako".into(), id.clone()));
    assert_eq!(of("consultation.ready"), (format!("resident/{id}"), id.clone()));
    assert_eq!(of("consultation.ended"), (format!("resident/{id}"), id));
    assert_eq!(of("login.failed"), ("system".into(), "hanako".into()));
    assert_eq!(of("audit.exported"), ("staff/kanri".into(), "all".into()));
    let code = link.strip_prefix("/c/").unwrap();
    for secret in ["花子", "窓口", code, "127.0.0.1"] {
        assert!(!file.contains(secret), "{secret}");
    }
    let mut verifier = Verifier::new(audit::Anchor::first(&office_id()), vec![]);
    for entry in &entries {
        verifier.take(entry).unwrap();
    }
    verifier.finish().unwrap();
    let head = audit::verify(&office.store.ledger, &office_id(), vec![])
        .await
        .unwrap()
        .unwrap();
    let (_, page) = admin.text("/staff/audit").await;
    assert!(page.contains(&head.to_string()), "the page shows the log's end");
    let (status, page) = admin.text("/staff/audit?day=2020-01-01").await;
    assert!(status == 200 && page.contains("この日の記録はありません"));
    assert_eq!(admin.text("/staff/audit?day=yesterday").await.0, 400);
}
