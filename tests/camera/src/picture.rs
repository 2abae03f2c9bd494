//! What the camera sees: paved ground, and people who walk to and fro on it.

/// What there is to see, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Pixels wide and high.
    pub size: [usize; 2],
    /// Pictures a second.
    pub per_second: u32,
    /// People who walk there.
    pub people: usize,
    /// The same picture for ever.
    pub is_frozen: bool,
    /// The light, 1 as set up.
    pub light: f64,
    /// Something before the lens.
    pub is_covered: bool,
}

impl Default for View {
    fn default() -> Self {
        Self {
            size: [320, 240],
            per_second: 10,
            people: 1,
            is_frozen: false,
            light: 1.0,
            is_covered: false,
        }
    }
}

/// Where people's feet are, and how tall they are there: shares of the picture's height.
pub const FEET: f64 = 0.75;
/// Their height there.
pub const HEIGHT: f64 = 0.34;

/// Draws one picture after the other: rows of 8-bit blue, green, red.
#[derive(Debug)]
pub struct Painter {
    noise: u32,
}

impl Default for Painter {
    fn default() -> Self {
        Self { noise: 1 }
    }
}

impl Painter {
    /// The view at some second. Noise makes each picture another.
    pub fn draw(&mut self, view: &View, second: f64) -> Vec<u8> {
        let [width, height] = view.size;
        let mut grey = vec![0_u8; width * height];
        if view.is_covered {
            grey.fill(70);
        } else {
            for (at, value) in grey.iter_mut().enumerate() {
                let (x, y) = (at % width, at / width);
                // Stones as large as a 20th of the picture.
                let stone = (x * 20 / width) + (y * 15 / height);
                *value = if stone % 2 == 0 { 140 } else { 115 };
            }
            for person in 0..view.people {
                let way = 0.5 - 0.4 * (second * 0.5 + person as f64 * 2.1).cos();
                let feet = FEET - 0.12 * person as f64;
                person_at(&mut grey, view.size, way, feet);
            }
        }
        let mut picture = Vec::with_capacity(grey.len() * 3);
        for value in grey {
            self.noise = self.noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(self.noise >> 29) - 3.5;
            let value = (f64::from(value) * view.light + noise).clamp(0.0, 255.0) as u8;
            picture.extend([value; 3]);
        }
        picture
    }
}

/// Head, trunk and legs, lighter and darker than the ground.
fn person_at(grey: &mut [u8], [width, height]: [usize; 2], x: f64, feet: f64) {
    let tall = HEIGHT * height as f64 * (0.2 + 0.4 * (feet - 0.4)) / (0.2 + 0.4 * (FEET - 0.4));
    let (middle, bottom) = (x * width as f64, feet * height as f64);
    let mut fill = |left: f64, top: f64, right: f64, low: f64, value: u8| {
        let within = |at: f64, limit: usize| at.round().clamp(0.0, limit as f64) as usize;
        for y in within(bottom + top * tall, height)..within(bottom + low * tall, height) {
            let row = &mut grey[y * width..(y + 1) * width];
            row[within(middle + left * tall, width)..within(middle + right * tall, width)].fill(value);
        }
    };
    fill(-0.0625, -1.0, 0.0625, -0.84, 225);
    fill(-0.125, -0.84, 0.125, -0.45, 30);
    fill(-0.11, -0.45, -0.02, 0.0, 50);
    fill(0.02, -0.45, 0.11, 0.0, 50);
}
