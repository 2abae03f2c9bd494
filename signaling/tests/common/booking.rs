//! What tests of appointments share: what may be booked, and a resident who follows the pages.

use reqwest::Response;

use super::browser::{Browser, csrf_of};

/// Always open, so that tests don't depend on when they run.
pub fn bookings(opens_before: &str) -> String {
    format!(
        r#"
[calendar]
hours = ["00:00-23:59"]
closed_weekdays = []
closes_on_holidays = false
closed_dates = []
opens_before = "{opens_before}"
[[booking]]
id = "sodan"
kind = "remote"
section = "kosodate"
name = {{ ja = "子育ての遠隔相談", easy = "[子育|こそだ]ての [相談|そうだん]", en = "Child-rearing, by video", vi = "Tư vấn nuôi con" }}
slot = "30m"
capacity = 2
web_capacity = 1
days_ahead = 30
[[booking.topic]]
id = "hoiku"
name = {{ ja = "保育所", en = "Nurseries" }}
[[booking.question]]
id = "age"
name = {{ ja = "お子さまの年齢" }}
[[booking]]
id = "madoguchi"
kind = "visit"
section = "kaigo"
name = {{ ja = "介護の窓口" }}
bring = {{ ja = "保険証をお持ちください。" }}
slot = "15m"
capacity = 1
days_ahead = 30
"#
    )
}

/// The value of a page's attribute that follows some words.
pub fn after<'a>(page: &'a str, words: &str) -> &'a str {
    let (_, rest) = page.split_once(words).unwrap_or_else(|| panic!("no {words} in {page}"));
    rest.split_once('"').unwrap().0
}

/// All addresses in a page that begin so.
pub fn links(page: &str, begin: &str) -> Vec<String> {
    let rest = page.split("href=\"").skip(1);
    rest.filter_map(|rest| rest.split_once('"'))
        .map(|(link, _)| link.replace("&amp;", "&").replace("&#38;", "&"))
        .filter(|link| link.starts_with(begin))
        .collect()
}

/// A form at hand: what has to be sent to book this time.
pub struct Form {
    pub csrf: String,
    pub form: String,
    pub at: String,
    pub action: String,
}

impl Form {
    pub async fn send(&self, browser: &mut Browser, more: &[(&str, &str)]) -> Response {
        let mut fields = vec![
            ("csrf", self.csrf.as_str()),
            ("form", self.form.as_str()),
            ("at", self.at.as_str()),
            ("consent", "yes"),
        ];
        fields.extend_from_slice(more);
        browser.post_form(&self.action, &fields).await
    }
}

impl Browser {
    /// The third day on offer, which has all its times at any hour: late in the evening today has hardly any left.
    pub async fn third_day(&mut self, service: &str) -> String {
        let (status, days) = self.text(&format!("/book/{service}/days")).await;
        assert_eq!(status, 200);
        let link = &links(&days, &format!("/book/{service}/times"))[2];
        link.split_once("day=").unwrap().1.to_owned()
    }

    /// Goes from the list of days to the form of the third day's first free time.
    pub async fn choose(&mut self, service: &str) -> Form {
        let day = self.third_day(service).await;
        let (_, times) = self.text(&format!("/book/{service}/times?day={day}")).await;
        let time = links(&times, &format!("/book/{service}/details"))[0].clone();
        self.form(&time).await
    }

    /// The form of a time.
    pub async fn form(&mut self, time: &str) -> Form {
        let (status, page) = self.text(time).await;
        assert_eq!(status, 200, "{page}");
        Form {
            csrf: csrf_of(&page),
            form: after(&page, "name=\"form\" value=\"").to_owned(),
            at: after(&page, "name=\"at\" value=\"").to_owned(),
            action: time.split_once('?').unwrap().0.to_owned(),
        }
    }

    /// Books the first free time. Gives the link's path.
    pub async fn book(&mut self, service: &str, more: &[(&str, &str)]) -> String {
        let form = self.choose(service).await;
        let response = form.send(self, more).await;
        assert_eq!(response.status(), 303, "{}", response.text().await.unwrap());
        path_of(&response)
    }
}

/// The appointment's path that a form was answered with.
pub fn path_of(response: &Response) -> String {
    let to = response.headers()["location"].to_str().unwrap();
    assert!(to.starts_with("/a/"), "{to}");
    to.split_once('?').map_or(to, |(path, _)| path).to_owned()
}

/// What the desk's page has to send with every form.
pub struct Desk {
    pub csrf: String,
    pub form: String,
    pub day: String,
    pub times: Vec<String>,
}

/// The desk's page, with the times that are free.
pub async fn desk(staff: &mut Browser, query: &str) -> Desk {
    let (status, page) = staff.text(&format!("/staff/book?{query}")).await;
    assert_eq!(status, 200, "{page}");
    let times = page
        .split("name=\"at\" value=\"")
        .skip(1)
        .map(|rest| rest.split_once('"').unwrap());
    Desk {
        csrf: csrf_of(&page),
        form: after(&page, "name=\"form\" value=\"").to_owned(),
        day: after(&page, "name=\"day\" value=\"").to_owned(),
        times: times
            .filter(|(_, rest)| !rest.starts_with(" disabled"))
            .map(|(at, _)| at.to_owned())
            .collect(),
    }
}

/// Books a time there for somebody on the telephone.
pub async fn take(staff: &mut Browser, desk: &Desk, service: &str, at: &str, name: &str) -> Response {
    let fields = [
        ("csrf", desk.csrf.as_str()),
        ("form", &desk.form),
        ("booking", service),
        ("day", &desk.day),
        ("at", at),
        ("channel", "phone"),
        ("lang", "easy"),
        ("consent", "yes"),
        ("name", name),
    ];
    staff.post_form("/staff/book", &fields).await
}

/// The number that the desk's page gives to be read out: `1234-5678`.
pub fn number_in(page: &str) -> String {
    let (_, rest) = page
        .split_once("data-test=\"number\">")
        .unwrap_or_else(|| panic!("no number in {page}"));
    rest.split_once('<').unwrap().0.to_owned()
}
