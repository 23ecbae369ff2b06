/** @file A graph under construction: nodes in order, and constants whose bytes are made when the model is written. */
import type { Attribute, Element, Node, TensorHead, Value } from './proto.js';
import { ELEMENT_BYTES } from './proto.js';

/** Name of a value in the graph. */
export type Name = string;

/** Makes the bytes of a constant, in parts. */
export type Bytes = () => AsyncIterable<Uint8Array> | Promise<Uint8Array> | Uint8Array;

/** A constant with what makes its bytes. */
export interface Constant extends TensorHead {
  content: Bytes;
}

/** A graph, and the functions that add to it. Each gives the name of what it made. */
export interface Graph {
  readonly nodes: Node[];
  readonly constants: Constant[];
  readonly inputs: Value[];
  readonly outputs: Value[];
  /** A node with one output. */
  node(op: string, inputs: readonly Name[], attributes?: Record<string, Attribute>, domain?: string): Name;
  /** A node with several outputs. */
  several(op: string, inputs: readonly Name[], count: number, attributes?: Record<string, Attribute>): Name[];
  /** A constant of a given name; equal names are one constant. */
  constant(name: Name, element: Element, shape: readonly number[], content: Bytes): Name;
  /** A small constant of float32. */
  float(value: number): Name;
  /** A small constant of bytes [values]. */
  bytes(values: readonly number[]): Name;
  /** What `make` added under that name, once. */
  shared(name: string, make: () => Name): Name;
  /** A small constant of int64 [values], or a scalar of a number. */
  ints(values: number | readonly number[]): Name;
}

/** An empty graph. */
export function newGraph(): Graph {
  const nodes: Node[] = [];
  const constants: Constant[] = [];
  const known = new Set<Name>();
  const made = new Map<string, Name>();
  let count = 0;
  const constant = (name: Name, element: Element, shape: readonly number[], content: Bytes): Name => {
    if (known.has(name)) return name;
    known.add(name);
    const bytes = shape.reduce((product, size) => product * size, 1) * ELEMENT_BYTES[element];
    constants.push({ name, element, shape, bytes, content });
    return name;
  };
  const several = (
    op: string,
    inputs: readonly Name[],
    outputs: number,
    attributes: Record<string, Attribute> = {},
    domain?: string,
  ) => {
    const names = Array.from({ length: outputs }, () => `${op.toLowerCase()}_${count++}`);
    nodes.push({ op, domain, inputs, outputs: names, attributes });
    return names;
  };
  return {
    nodes,
    constants,
    inputs: [],
    outputs: [],
    constant,
    several,
    node: (op, inputs, attributes, domain) => several(op, inputs, 1, attributes, domain)[0],
    float: (value) => constant(`float_${value}`, 'float32', [], () => bytesOf(Float32Array.of(value))),
    bytes: (values) => constant(`bytes_${values.join('_')}`, 'uint8', [values.length], () => Uint8Array.from(values)),
    shared(name, make) {
      const result = made.get(name) ?? make();
      made.set(name, result);
      return result;
    },
    ints(values) {
      const list = typeof values === 'number' ? [values] : values;
      const shape = typeof values === 'number' ? [] : [values.length];
      const content = () => bytesOf(BigInt64Array.from(list.map(BigInt)));
      return constant(`int_${shape.length ? 'list_' : ''}${list.join('_')}`, 'int64', shape, content);
    },
  };
}

/** The bytes of an array, without a copy. */
export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
