//! The demo's film: the office's promise in four scenes, drawn frame by frame and encoded as H.264.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use cairo::{Context, Error, Format, ImageSurface};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::SIZE;
use super::drawing::{CORAL, LEAF, SKY, card, disc, ease, heart, line, person, phone, sheet, tick};
use super::music;
use crate::scene::palette::{self, BLUE, INK, SOFT_INK, WHITE};
use crate::scene::text;

const RATE: u32 = 30;
/// Seconds of one scene.
const SCENE: f64 = 5.0;
/// Draws a scene at a time in seconds from its beginning.
type Scene = fn(&Context, f64) -> Result<(), Error>;
const SCENES: [Scene; 4] = [promise, no_waiting, no_writing, no_coming];
/// How long the encoder may take for the next frame or the end.
const LIMIT: gst::ClockTime = gst::ClockTime::from_seconds(120);

/// Encodes the film.
pub(super) fn write(file: &Path) -> Result<()> {
    gst::init()?;
    let seconds = SCENE * SCENES.len() as f64;
    let pipeline = gst::Pipeline::new();
    let picture = picture_branch(&pipeline)?;
    let sound = gst_app::AppSrc::builder()
        .caps(&music::caps())
        .format(gst::Format::Time)
        .block(true)
        .build();
    // The index comes first, so that a player can begin before it has read all.
    let mux = gst::ElementFactory::make("mp4mux")
        .property("faststart", true)
        .build()?;
    let location = file.to_str().context("the file's name is not UTF-8")?;
    let sink = gst::ElementFactory::make("filesink")
        .property("location", location)
        .build()?;
    let voice = [
        sound.clone().upcast(),
        gst::ElementFactory::make("audioconvert").build()?,
        gst::ElementFactory::make("voaacenc")
            .property("bitrate", 96_000)
            .build()?,
        gst::ElementFactory::make("queue").build()?,
    ];
    pipeline.add_many(&voice)?;
    pipeline.add_many([&mux, &sink])?;
    gst::Element::link_many(&voice)?;
    voice[3].link(&mux)?;
    picture.1.link(&mux)?;
    mux.link(&sink)?;
    pipeline.set_state(gst::State::Playing)?;
    let player = std::thread::spawn(move || music::play(&sound, seconds));
    let drawn = draw(&picture.0, (seconds * f64::from(RATE)) as u64);
    let ended = drawn.and_then(|()| wait(&pipeline));
    pipeline.set_state(gst::State::Null)?;
    if player.join().is_err() {
        bail!("the music broke off");
    }
    ended
}

/// `appsrc ! videoconvert ! x264enc`: the source to push to, and the end to link.
fn picture_branch(pipeline: &gst::Pipeline) -> Result<(gst_app::AppSrc, gst::Element)> {
    let info = gst_video::VideoInfo::builder(gst_video::VideoFormat::Bgrx, SIZE.0, SIZE.1)
        .fps(gst::Fraction::new(i32::try_from(RATE)?, 1))
        .build()?;
    let source = gst_app::AppSrc::builder()
        .caps(&info.to_caps()?)
        .format(gst::Format::Time)
        .block(true)
        .max_buffers(4)
        .build();
    // One key frame a second and few reference frames: cheap to decode on a small box.
    let encoder = gst::ElementFactory::make("x264enc")
        .property_from_str("speed-preset", "medium")
        .property_from_str("pass", "quant")
        .property("quantizer", 21_u32)
        .property("key-int-max", RATE)
        .build()?;
    let chain = [
        source.clone().upcast(),
        gst::ElementFactory::make("videoconvert").build()?,
        encoder,
        gst::ElementFactory::make("h264parse").build()?,
        gst::ElementFactory::make("queue").build()?,
    ];
    pipeline.add_many(&chain)?;
    let shape = gst::Caps::builder("video/x-raw").field("format", "I420").build();
    chain[0].link(&chain[1])?;
    chain[1].link_filtered(&chain[2], &shape)?;
    gst::Element::link_many(&chain[2..])?;
    Ok((source, chain[4].clone()))
}

fn draw(source: &gst_app::AppSrc, frames: u64) -> Result<()> {
    let (width, height) = (i32::try_from(SIZE.0)?, i32::try_from(SIZE.1)?);
    let mut surface = ImageSurface::create(Format::Rgb24, width, height)?;
    for number in 0..frames {
        let seconds = number as f64 / f64::from(RATE);
        let index = ((seconds / SCENE) as usize).min(SCENES.len() - 1);
        scene(&Context::new(&surface)?, index, seconds - SCENE * index as f64)?;
        surface.flush();
        let mut buffer = gst::Buffer::from_slice(surface.data()?.to_vec());
        let time = |number: u64| gst::ClockTime::from_nseconds(number * 1_000_000_000 / u64::from(RATE));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time(number));
            buffer.set_duration(time(number + 1).saturating_sub(time(number)));
        }
        source.push_buffer(buffer).context("the encoder takes no more")?;
    }
    source.end_of_stream()?;
    Ok(())
}

fn wait(pipeline: &gst::Pipeline) -> Result<()> {
    let bus = pipeline.bus().context("the pipeline has no bus")?;
    match bus.timed_pop_filtered(LIMIT, &[gst::MessageType::Eos, gst::MessageType::Error]) {
        Some(message) => match message.view() {
            gst::MessageView::Error(error) => bail!("encoding: {}", error.error()),
            _ => Ok(()),
        },
        None => bail!("encoding doesn't end"),
    }
}

/// One scene at `t` seconds from its beginning, faded in and out on its paper.
fn scene(cr: &Context, index: usize, t: f64) -> Result<(), Error> {
    sheet(cr, [BLUE, CORAL, LEAF, BLUE][index])?;
    cr.push_group();
    SCENES[index](cr, t)?;
    cr.pop_group_to_source()?;
    cr.paint_with_alpha(ease(t / 0.5) * ease((SCENE - t) / 0.4))
}

fn title(cr: &Context, first: &str, second: &str, t: f64) {
    let shift = 24.0 * (1.0 - ease(t / 0.8));
    line(cr, first, 50.0, BLUE, 56.0 - shift, 88.0);
    line(cr, second, 30.0, SOFT_INK, 58.0 - shift, 150.0);
}

/// The counter, and people who come to it.
fn promise(cr: &Context, t: f64) -> Result<(), Error> {
    title(cr, "これからの窓口へ", "だれひとり取り残さない区役所をめざして", t);
    let colors = [BLUE, CORAL, LEAF, SKY, BLUE];
    for (index, color) in colors.into_iter().enumerate() {
        let late = index as f64 * 0.25;
        let rise = ease((t - 0.4 - late) / 0.7);
        let x = 130.0 + 143.0 * index as f64;
        let sway = (t * 1.6 + late * 4.0).sin() * 3.0;
        let size = [112.0, 96.0, 120.0, 88.0, 104.0][index];
        person(cr, x, 420.0 + (1.0 - rise) * 60.0 + sway, size * rise.max(0.01), color)?;
    }
    heart(cr, 740.0, 104.0, 54.0 + (t * 2.2).sin() * 4.0, CORAL)
}

/// A queue that moves on, and the minutes that it saves.
fn no_waiting(cr: &Context, t: f64) -> Result<(), Error> {
    title(cr, "お待たせしない窓口", "混みぐあいを、いつでもスマートフォンで", t);
    for index in 0..5 {
        let along = (t * 0.22 + f64::from(index) * 0.2) % 1.0;
        let x = 90.0 + along * 420.0;
        let size = 84.0 * ease(along / 0.08) * ease((1.0 - along) / 0.08);
        person(
            cr,
            x,
            396.0,
            size.max(0.01),
            [BLUE, LEAF, CORAL, SKY, BLUE][index as usize],
        )?;
    }
    card(cr, (80.0, 400.0, 440.0, 8.0), 4.0, palette::LINE)?;
    phone(cr, 596.0, 176.0, 144.0, 252.0)?;
    card(cr, (614.0, 208.0, 108.0, 54.0), 12.0, BLUE)?;
    line(cr, "◎ 空き", 24.0, WHITE, 630.0, 235.0);
    for index in 0..6 {
        let height = 28.0 + 60.0 * (0.5 + 0.5 * (f64::from(index) * 1.1 + t * 0.7).sin());
        card(
            cr,
            (616.0 + 18.0 * f64::from(index), 396.0 - height, 12.0, height),
            4.0,
            SKY,
        )?;
    }
    Ok(())
}

/// A form that fills itself.
fn no_writing(cr: &Context, t: f64) -> Result<(), Error> {
    title(
        cr,
        "お書きいただかない窓口",
        "カードをかざすと、申請書ができあがります",
        t,
    );
    card(cr, (420.0, 196.0, 330.0, 232.0), 14.0, palette::LINE)?;
    card(cr, (416.0, 190.0, 330.0, 232.0), 14.0, WHITE)?;
    text::rounded(cr, 416.0, 190.0, 330.0, 232.0, 14.0);
    text::set_color(cr, palette::LINE);
    cr.set_line_width(2.0);
    cr.stroke()?;
    for (index, label) in ["お名前", "ご住所", "ご用件"].into_iter().enumerate() {
        let y = 232.0 + 64.0 * index as f64;
        line(cr, label, 24.0, SOFT_INK, 438.0, y);
        card(cr, (528.0, y - 17.0, 150.0, 34.0), 8.0, palette::PALE_BLUE)?;
        let filled = ease((t - 1.4 - 0.6 * index as f64) / 0.6);
        card(cr, (536.0, y - 6.0, (134.0 * filled).max(0.01), 12.0), 6.0, BLUE)?;
        let done = ((t - 2.0 - 0.6 * index as f64) / 0.3).clamp(0.0, 1.0);
        if done > 0.0 {
            tick(cr, 712.0, y, 30.0, done, LEAF)?;
        }
    }
    let near = ease((t - 0.5) / 0.8);
    cr.save()?;
    cr.translate(110.0 + 120.0 * near, 318.0);
    cr.rotate(-0.18 * (1.0 - near) - 0.04);
    card(cr, (-88.0, -56.0, 176.0, 112.0), 12.0, SKY)?;
    card(cr, (-72.0, -26.0, 52.0, 66.0), 8.0, WHITE)?;
    person(cr, -46.0, 40.0, 54.0, BLUE)?;
    for index in 0..3 {
        card(cr, (-4.0, -20.0 + 22.0 * f64::from(index), 76.0, 10.0), 5.0, WHITE)?;
    }
    cr.restore()?;
    text::set_color(cr, BLUE);
    cr.set_line_width(6.0);
    for index in 0..3 {
        let wave = ((t * 1.2 - f64::from(index) * 0.25).sin() * 0.5 + 0.5) * near;
        cr.arc(330.0, 318.0, 18.0 + 16.0 * f64::from(index), -0.7, 0.7);
        let (red, green, blue) = palette::shares(BLUE);
        cr.set_source_rgba(red, green, blue, wave);
        cr.stroke()?;
    }
    Ok(())
}

/// Home and office, face to face.
fn no_coming(cr: &Context, t: f64) -> Result<(), Error> {
    title(cr, "お越しいただかない窓口", "ご自宅から、顔を見ながら相談できます", t);
    let roof = ease((t - 0.2) / 0.6);
    text::set_color(cr, CORAL);
    cr.move_to(70.0, 286.0);
    cr.line_to(190.0, 286.0 - 86.0 * roof);
    cr.line_to(310.0, 286.0);
    cr.close_path();
    cr.fill()?;
    card(cr, (96.0, 280.0, 188.0, 140.0), 6.0, WHITE)?;
    cr.rectangle(96.0, 280.0, 188.0, 140.0);
    text::set_color(cr, CORAL);
    cr.set_line_width(5.0);
    cr.stroke()?;
    person(cr, 168.0, 418.0, 88.0, CORAL)?;
    person(cr, 226.0, 418.0, 58.0, LEAF)?;
    card(cr, (540.0, 214.0, 220.0, 206.0), 10.0, BLUE)?;
    for index in 0..6 {
        let (column, row) = (f64::from(index % 3), f64::from(index / 3));
        card(cr, (562.0 + 64.0 * column, 234.0 + 44.0 * row, 46.0, 28.0), 5.0, SKY)?;
    }
    card(cr, (600.0, 330.0, 100.0, 90.0), 8.0, WHITE)?;
    person(cr, 650.0, 418.0, 78.0, BLUE)?;
    for index in 0..9 {
        let along = (t * 0.35 + f64::from(index) / 9.0) % 1.0;
        let x = 318.0 + 210.0 * along;
        let y = 330.0 - (along * std::f64::consts::PI).sin() * 54.0;
        disc(
            cr,
            x,
            y,
            6.0 * ease(along / 0.1) * ease((1.0 - along) / 0.1),
            if index % 2 == 0 { BLUE } else { CORAL },
        )?;
    }
    let said = ease((t - 1.2) / 0.5);
    card(cr, (352.0, 356.0, 136.0 * said.max(0.01), 52.0), 16.0, INK)?;
    if said > 0.9 {
        line(cr, "つながる", 26.0, WHITE, 366.0, 382.0);
    }
    Ok(())
}
