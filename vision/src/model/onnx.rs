//! What an ONNX file says of its own input: so much of its protocol buffers is read, and no more.
//!
//! Fields are those of `onnx.proto3` (ONNX IR version 3 and later): a model's graph is its field 7; a graph's initializers are its
//! field 5, its inputs field 11; a value's name is field 1 and its type field 2; a tensor type's shape is field 2; a shape's
//! dimensions are field 1; a dimension is a number (field 1) or a name (field 2), which stands for any.

/// A wire type's body: Protocol Buffers, "Encoding".
enum Body<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

/// The fields of a message, until it ends or makes no sense.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, length: u64) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(bytes)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Body<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.number()?;
        let body = match tag & 7 {
            0 => Body::Number(self.number()?),
            1 => self.bytes(8).map(|_| Body::Other)?,
            2 => {
                let length = self.number()?;
                Body::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Body::Other)?,
            _ => return None,
        };
        Some((tag >> 3, body))
    }
}

fn messages(message: &[u8], field: u64) -> impl Iterator<Item = &[u8]> {
    Fields(message).filter_map(move |(number, body)| match body {
        Body::Bytes(bytes) if number == field => Some(bytes),
        _ => None,
    })
}

/// The shape of a model's first input that is no parameter of it, such as `[1, 3, 416, 416]`; a dimension that may be any is
/// `None`. `None` where the file doesn't say: such a file is OpenCV's to judge.
#[must_use]
pub fn input_shape(model: &[u8]) -> Option<Vec<Option<u64>>> {
    let graph = messages(model, 7).next()?;
    let name_of = |value| messages(value, 1).next();
    let parameters: Vec<&[u8]> = messages(graph, 5)
        .filter_map(|tensor| messages(tensor, 8).next())
        .collect();
    let mut inputs = messages(graph, 11);
    let input = inputs.find(|input| name_of(input).is_some_and(|name| !parameters.contains(&name)))?;
    let shape = messages(messages(messages(input, 2).next()?, 1).next()?, 2).next()?;
    let dimension = |dimension| {
        Fields(dimension).find_map(|(number, body)| match body {
            Body::Number(length) if number == 1 => Some(length),
            _ => None,
        })
    };
    Some(
        messages(shape, 1)
            .map(|it| dimension(it).filter(|length| *length > 0))
            .collect(),
    )
}

/// The width and height that a model takes and no others, in pixels; `None` for a side that may be any.
#[must_use]
pub fn input_sides(model: &[u8]) -> [Option<u64>; 2] {
    match input_shape(model).as_deref() {
        Some([_, _, height, width]) => [*width, *height],
        _ => [None; 2],
    }
}

#[cfg(test)]
#[path = "../../tests/onnx_file/mod.rs"]
mod onnx_file;

#[cfg(test)]
mod tests {
    use super::onnx_file::of_input as model;
    use super::*;

    #[test]
    fn an_inputs_shape_is_read_past_its_parameters() {
        let fixed = model(&[Some(1), Some(3), Some(320), Some(416)]);
        assert_eq!(input_shape(&fixed), Some(vec![Some(1), Some(3), Some(320), Some(416)]));
        assert_eq!(input_sides(&fixed), [Some(416), Some(320)], "width first");
        assert_eq!(
            input_sides(&model(&[None, Some(3), None, Some(416)])),
            [Some(416), None]
        );
        assert_eq!(input_sides(&model(&[Some(1), Some(3)])), [None; 2]);
    }

    #[test]
    fn what_is_cut_off_or_noise_says_nothing_and_harms_nothing() {
        let whole = model(&[Some(1), Some(3), Some(416), Some(416)]);
        for length in 0..whole.len() {
            assert_eq!(input_sides(&whole[..length]), [None; 2], "{length} bytes");
        }
        let mut random = crate::simulate::Random::new(3);
        for _ in 0..10_000 {
            let noise: Vec<u8> = (0..64).map(|_| random.below(256) as u8).collect();
            let _ = input_shape(&noise);
        }
        assert_eq!(input_shape(&[0xff; 32]), None, "a number without an end");
    }
}
