//! A camera that gives one JPEG after the other by HTTP (multipart/x-mixed-replace), behind a password.

mod office;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use opencv::core::{self, Mat, Scalar, Vector};
use opencv::imgcodecs;
use opencv::prelude::MatTraitConst as _;
use vision::camera::address::with_user;
use vision::camera::mailbox::{Mailbox, Taken};
use vision::camera::supervise::{self, Plan, Post, Retry};
use vision::camera::wire::Order;

use office::{LIMIT, Office, TEXT, look_again};
use protocol::congestion::CameraStatus;
use test_trace::{Allowed, Budget, Outlet, Trace};

/// `office:p@ss`, RFC 7617.
const BASIC: &str = "Basic b2ZmaWNlOnBAc3M=";

fn jpeg(grey: f64) -> Vec<u8> {
    let picture = Mat::new_rows_cols_with_default(48, 64, core::CV_8UC3, Scalar::all(grey)).expect("mat");
    let mut bytes = Vector::new();
    imgcodecs::imencode_def(".jpg", &picture, &mut bytes).expect("encoded");
    bytes.as_slice().to_vec()
}

/// Serves one connection until it breaks.
fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = String::new();
    let mut lines = BufReader::new(stream.try_clone()?);
    while lines.read_line(&mut head)? > 2 {}
    if !head.contains(BASIC) {
        return stream.write_all(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"camera\"\r\nContent-Length: 0\r\n\
              Connection: close\r\n\r\n",
        );
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=picture\r\n\r\n")?;
    for number in 0_u32.. {
        let bytes = jpeg(f64::from(number % 8) * 30.0);
        let head = format!(
            "--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        stream.write_all(&[head.as_bytes(), &bytes, b"\r\n"].concat())?;
        std::thread::sleep(Duration::from_millis(40));
    }
    Ok(())
}

#[test]
fn one_jpeg_after_the_other_by_http_is_a_camera() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    let source = with_user(&format!("http://{address}/video.mjpg"), "office", "p@ss").expect("an address");
    let posts = Mailbox::default();
    // Its pictures go to this process, and a question to the camera.
    let trace = Trace::new(Allowed {
        cameras: vec![address.to_string()],
        to_cameras: Budget::once(4_000),
        output: Outlet::Pictures,
        errors: Outlet::Text(Budget::once(4_000)),
        ..Allowed::default()
    });
    let plan = Plan {
        program: trace.of(env!("CARGO_BIN_EXE_vision")),
        camera: "hall".to_owned(),
        order: Order {
            source,
            screen_home: None,
            film_speed: None,
            every: Duration::from_millis(20),
            is_at_full_speed: false,
            parent: std::process::id().cast_signed(),
        },
        is_live: true,
        limit: Duration::from_secs(20),
        retry: Retry::default(),
    };
    supervise::start(plan, posts.clone()).expect("started");
    let mut seen = 0;
    while seen < 20 {
        match posts.take(Duration::from_secs(60)) {
            Taken::Message(Post::Frame(frame)) => {
                assert_eq!((frame.picture.cols(), frame.picture.rows()), (64, 48));
                seen += 1;
            }
            other => panic!("no picture: {other:?}"),
        }
    }
    posts.close();
    if let Some(report) = trace.end() {
        assert!(report.bytes["output"] >= 20 * 64 * 48 * 3, "{report:?}");
        assert!(report.bytes["camera"] > 0, "{report:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    const WRONG: &str = "geheim-7531";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    let text = TEXT.replace("SOURCE", &format!("http://{address}/video.mjpg\"\nuser = \"office"));
    let mut office = Office::with(&text).await;
    let secrets = office.config.paths.secrets.clone();
    std::fs::create_dir(&secrets).expect("made");
    let allowed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&secrets, allowed).expect("set");
    std::fs::write(secrets.join("camera-north.password"), format!("{WRONG}\n")).expect("written");
    office.allow_camera(address);
    office.start_vision();
    let end = Instant::now() + LIMIT;
    let said = |log: &str| log.contains("it can't be opened") && log.contains("takes the user and the password");
    while !said(&office.log()) {
        assert!(Instant::now() < end, "{}", office.log());
        look_again().await;
    }
    office
        .wait_for_report("it is lost", |report| report.status == CameraStatus::Lost)
        .await;
    assert_eq!(office.end().await, Some(0));
    let log = office.log();
    // Neither as it is, nor as RFC 7617 sends it.
    assert!(!log.contains(WRONG) && !log.contains("b2ZmaWNlOm"), "{log}");
}
