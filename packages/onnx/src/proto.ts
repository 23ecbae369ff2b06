/**
 * @file ONNX's messages as bytes (onnx.proto3 of ONNX 1.19, IR version 10): only the fields that a model of ours has. Field numbers
 * are that file's.
 */
import { PbfWriter } from 'pbf';

/** Element types of a tensor, by ONNX's number. */
const ELEMENT = { float32: 1, uint8: 2, int8: 3, int64: 7, bool: 9, float16: 10 } as const;

/** Name of an element type. */
export type Element = keyof typeof ELEMENT;

/** Value of an attribute: a float has a type of its own, since 1 is also an integer. */
export type Attribute = number | string | readonly number[] | { float: number };

/** One operation. */
export interface Node {
  op: string;
  /** Empty for ONNX's own operators, `com.microsoft` for those of onnxruntime. */
  domain?: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, Attribute>>;
}

/** Constant of the graph without its bytes. */
export interface TensorHead {
  name: string;
  element: Element;
  shape: readonly number[];
  bytes: number;
}

/** An input or output; a name stands for a size that is known at run time. */
export interface Value {
  name: string;
  element: Element;
  shape: readonly (number | string)[];
}

/** Bytes of one element. */
export const ELEMENT_BYTES: Record<Element, number> = { float32: 4, uint8: 1, int8: 1, int64: 8, bool: 1, float16: 2 };

/** NodeProto. */
export function nodeBytes({ op, domain = '', inputs, outputs, attributes }: Node): Uint8Array {
  return message((out) => {
    for (const name of inputs) out.writeStringField(1, name);
    for (const name of outputs) out.writeStringField(2, name);
    out.writeStringField(3, outputs[0]);
    out.writeStringField(4, op);
    for (const [name, value] of Object.entries(attributes)) out.writeBytesField(5, attributeBytes(name, value));
    if (domain) out.writeStringField(7, domain);
  });
}

/** AttributeProto; its `type` says which field holds the value. */
function attributeBytes(name: string, value: Attribute): Uint8Array {
  return message((out) => {
    out.writeStringField(1, name);
    if (typeof value === 'number') {
      out.writeVarintField(3, value);
      out.writeVarintField(20, 2);
    } else if (typeof value === 'string') {
      out.writeBytesField(4, new TextEncoder().encode(value));
      out.writeVarintField(20, 3);
    } else if ('float' in value) {
      out.writeFloatField(2, value.float);
      out.writeVarintField(20, 1);
    } else {
      for (const one of value) out.writeVarintField(8, one);
      out.writeVarintField(20, 7);
    }
  });
}

/** ValueInfoProto. */
export function valueBytes({ name, element, shape }: Value): Uint8Array {
  const sizes = message((out) => {
    for (const size of shape) {
      const dimension = message((one) =>
        typeof size === 'number' ? one.writeVarintField(1, size) : one.writeStringField(2, size),
      );
      out.writeBytesField(1, dimension);
    }
  });
  const tensor = message((out) => {
    out.writeVarintField(1, ELEMENT[element]);
    out.writeBytesField(2, sizes);
  });
  return message((out) => {
    out.writeStringField(1, name);
    out.writeBytesField(
      2,
      message((type) => type.writeBytesField(1, tensor)),
    );
  });
}

/**
 * TensorProto up to the bytes of its values, which follow: raw_data is the last field. Or a whole one, whose values lie in a file
 * beside the model from `offset`.
 */
export function tensorBytes(
  { name, element, shape, bytes }: TensorHead,
  beside?: { file: string; offset: number },
): Uint8Array {
  return message((out) => {
    for (const size of shape) out.writeVarintField(1, size);
    out.writeVarintField(2, ELEMENT[element]);
    out.writeStringField(8, name);
    if (beside) {
      const entries = { location: beside.file, offset: String(beside.offset), length: String(bytes) };
      for (const [key, value] of Object.entries(entries)) {
        const entry = message((pair) => {
          pair.writeStringField(1, key);
          pair.writeStringField(2, value);
        });
        out.writeBytesField(13, entry);
      }
      out.writeVarintField(14, 1); // EXTERNAL
    } else fieldHead(out, 9, bytes);
  });
}

/** ModelProto around a graph, up to the graph's content: of `graphBytes` bytes, which follow. */
export function modelHead(graphBytes: number, { producer, opsets }: ModelFields): Uint8Array {
  return message((out) => {
    out.writeVarintField(1, 10);
    out.writeStringField(2, producer);
    for (const [domain, version] of Object.entries(opsets)) {
      const opset = message((one) => {
        if (domain) one.writeStringField(1, domain);
        one.writeVarintField(2, version);
      });
      out.writeBytesField(8, opset);
    }
    fieldHead(out, 7, graphBytes);
  });
}

/** What a ModelProto says besides its graph. */
export interface ModelFields {
  producer: string;
  /** Version by domain; '' is ONNX's own. */
  opsets: Record<string, number>;
}

/** A field of bytes as it stands in its message. */
export function field(number: number, content: Uint8Array): Uint8Array {
  return message((out) => out.writeBytesField(number, content));
}

/** Tag and length of a field whose `bytes` bytes follow. */
export function headOfField(number: number, bytes: number): Uint8Array {
  return message((out) => fieldHead(out, number, bytes));
}

/** A field of text as it stands in its message. */
export function textField(number: number, text: string): Uint8Array {
  return message((out) => out.writeStringField(number, text));
}

function fieldHead(out: PbfWriter, number: number, bytes: number): void {
  out.writeVarint((number << 3) | 2);
  out.writeVarint(bytes);
}

function message(fill: (out: PbfWriter) => void): Uint8Array {
  const out = new PbfWriter();
  fill(out);
  return out.finish().slice();
}
