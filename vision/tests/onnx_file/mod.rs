//! Tiny ONNX files, written by hand: `onnx.proto3` of ONNX 1.x, as Protocol Buffers.

#![allow(dead_code, reason = "each test uses its part of it")]

fn number(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn field(at: u64, body: &[u8]) -> Vec<u8> {
    [number(at << 3 | 2), number(body.len() as u64), body.to_vec()].concat()
}

fn varint(at: u64, value: u64) -> Vec<u8> {
    [number(at << 3), number(value)].concat()
}

/// `ValueInfoProto` of floats; a dimension without a length has a name and may be any.
fn value(name: &str, shape: &[Option<u64>]) -> Vec<u8> {
    let dimensions = shape.iter().map(|length| match length {
        Some(length) => field(1, &varint(1, *length)),
        None => field(1, &field(2, b"any")),
    });
    let dimensions: Vec<u8> = dimensions.flatten().collect();
    let tensor = [varint(1, 1), field(2, &dimensions)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// `TensorProto` of floats.
fn floats(name: &str, shape: &[u64], numbers: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    tensor(name, shape, 1, &raw)
}

/// `TensorProto` of whole numbers.
fn whole(name: &str, numbers: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    tensor(name, &[numbers.len() as u64], 7, &raw)
}

fn tensor(name: &str, shape: &[u64], kind: u64, raw: &[u8]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|length| varint(1, *length)).collect();
    [shape, varint(2, kind), field(8, name.as_bytes()), field(9, raw)].concat()
}

/// `AttributeProto` of whole numbers.
fn ints(name: &str, numbers: &[u64]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| varint(8, *number)).collect();
    field(5, &[field(1, name.as_bytes()), numbers, varint(20, 7)].concat())
}

/// `AttributeProto` of one whole number.
fn int(name: &str, number: u64) -> Vec<u8> {
    field(
        5,
        &[field(1, name.as_bytes()), varint(3, number), varint(20, 2)].concat(),
    )
}

/// `NodeProto`.
fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let inputs: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    let name = [
        field(2, output.as_bytes()),
        field(3, output.as_bytes()),
        field(4, kind.as_bytes()),
    ];
    [inputs, name.concat(), attributes.concat()].concat()
}

/// A model that does nothing, with an input of this shape after a parameter among its inputs, as old exporters wrote them.
pub fn of_input(shape: &[Option<u64>]) -> Vec<u8> {
    let graph = [
        field(2, b"net"),
        field(5, &field(8, b"weight")),
        field(11, &value("weight", &[16, 3, 3, 3].map(Some))),
        field(11, &value("images", shape)),
    ];
    [varint(1, 8), field(2, b"by hand"), field(7, &graph.concat())].concat()
}

/// A detector of bright squares: for each cell of 8, 16 and 32 pixels `columns` numbers, which are `bias`, and to the one at `at`
/// is added `gain` times the mean of the cell's pixels and colours. It answers `[1, cells, columns]`.
pub fn of_bright_cells(side: u64, bias: &[f32], at: usize, gain: f32) -> Vec<u8> {
    let columns = bias.len() as u64;
    let (mut nodes, mut tensors, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for stride in [8_u64, 16, 32] {
        let kernel = (stride * stride * 3) as usize;
        let mut weights = vec![0.0; bias.len() * kernel];
        weights[at * kernel..(at + 1) * kernel].fill(gain / kernel as f32);
        let [weight, offset, shape] = ["w", "b", "s"].map(|name| format!("{name}{stride}"));
        let cells = (side / stride) * (side / stride);
        tensors.push(floats(&weight, &[columns, 3, stride, stride], &weights));
        tensors.push(floats(&offset, &[columns], bias));
        tensors.push(whole(&shape, &[1, columns.cast_signed(), cells.cast_signed()]));
        let [grid, row] = ["grid", "row"].map(|name| format!("{name}{stride}"));
        let sizes = [
            ints("kernel_shape", &[stride; 2]),
            ints("strides", &[stride; 2]),
            ints("pads", &[0; 4]),
        ];
        nodes.push(node("Conv", &["images", &weight, &offset], &grid, &sizes));
        nodes.push(node("Reshape", &[&grid, &shape], &row, &[]));
        parts.push(row);
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    nodes.push(node("Concat", &parts, "all", &[int("axis", 2)]));
    nodes.push(node("Transpose", &["all"], "output", &[ints("perm", &[0, 2, 1])]));
    let cells: u64 = [8, 16, 32].iter().map(|stride| (side / stride) * (side / stride)).sum();
    let graph = [
        nodes.iter().flat_map(|node| field(1, node)).collect::<Vec<u8>>(),
        field(2, b"bright"),
        tensors.iter().flat_map(|tensor| field(5, tensor)).collect(),
        field(11, &value("images", &[1, 3, side, side].map(Some))),
        field(12, &value("output", &[1, cells, columns].map(Some))),
    ];
    let opset = field(8, &[field(1, b""), varint(2, 11)].concat());
    [varint(1, 6), opset, field(7, &graph.concat())].concat()
}
