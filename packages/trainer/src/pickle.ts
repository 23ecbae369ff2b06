/**
 * @file The part of Python's pickle protocol 2 that torch writes for optimizer and scheduler states: numbers, strings,
 * lists, tuples, dicts and tensors. It imports and calls nothing: it knows two names of torch and refuses others.
 * Opcodes and order are CPython's (Lib/pickle.py), so the output has Python's bytes.
 */
import { TrainerError } from './error.js';

/** A tensor's values in the archive's entry `data/<key>`. */
export interface PickledTensor {
  kind: 'tensor';
  /** Name of the storage class, such as `FloatStorage`. */
  storage: string;
  key: string;
  /** Elements of the storage. */
  size: number;
  offset: number;
  shape: number[];
  stride: number[];
}

/** A dict keeps Python's order; an array is a list. */
export type Pickled = null | boolean | number | string | Tuple | Pickled[] | PickledDict | PickledTensor;
export type PickledDict = Map<string | number, Pickled>;

/** A Python float. A plain whole number is an int. */
export class Float {
  constructor(readonly value: number) {}
}

/** A Python tuple. */
export class Tuple {
  constructor(readonly items: Pickled[]) {}
}

const MARK = Symbol('mark');
type Stack = unknown[];
const MAX_ITEMS = 1_000_000;

/**
 * Reads a pickle. Floats come back as numbers.
 * @throws TrainerError naming the opcode or class outside this subset, or where the data ends early.
 */
export function readPickle(bytes: Uint8Array): Pickled {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const memo = new Map<number, unknown>();
  const stack: Stack = [];
  let at = 0;
  const take = (count: number) => {
    if (at + count > bytes.length)
      throw new TrainerError('format', `pickle: ends at byte ${bytes.length}, in the middle of a value`);
    at += count;
    return at - count;
  };
  const text = (length: number) => new TextDecoder().decode(bytes.subarray(take(length), at));
  const line = () => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw new TrainerError('format', 'pickle: a name does not end');
    const name = text(end - at);
    at++;
    return name;
  };
  const pop = () => {
    if (!stack.length) throw new TrainerError('format', `pickle: byte ${at}: takes from an empty stack`);
    return stack.pop();
  };
  const toMark = () => {
    const begin = stack.lastIndexOf(MARK);
    if (begin < 0) throw new TrainerError('format', `pickle: byte ${at}: there is no mark`);
    const items = stack.splice(begin);
    return items.slice(1);
  };
  const top = () => stack.at(-1);
  while (stack.length + memo.size < MAX_ITEMS) {
    const opcode = String.fromCharCode(bytes[take(1)]);
    switch (opcode) {
      case '\x80':
        take(1);
        break;
      case '}':
        stack.push(new Map());
        break;
      case ']':
        stack.push([]);
        break;
      case ')':
        stack.push(new Tuple([]));
        break;
      case '(':
        stack.push(MARK);
        break;
      case 'N':
        stack.push(null);
        break;
      case '\x88':
      case '\x89':
        stack.push(opcode === '\x88');
        break;
      case 'K':
        stack.push(view.getUint8(take(1)));
        break;
      case 'M':
        stack.push(view.getUint16(take(2), true));
        break;
      case 'J':
        stack.push(view.getInt32(take(4), true));
        break;
      case 'G':
        stack.push(view.getFloat64(take(8)));
        break;
      case 'X':
        stack.push(text(view.getUint32(take(4), true)));
        break;
      case 'q':
        memo.set(view.getUint8(take(1)), top());
        break;
      case 'r':
        memo.set(view.getUint32(take(4), true), top());
        break;
      case 'h':
      case 'j': {
        const index = opcode === 'h' ? view.getUint8(take(1)) : view.getUint32(take(4), true);
        if (!memo.has(index)) throw new TrainerError('format', `pickle: byte ${at}: nothing is remembered as ${index}`);
        stack.push(memo.get(index));
        break;
      }
      case '\x85':
      case '\x86':
      case '\x87': {
        const items = Array.from({ length: opcode.charCodeAt(0) - 0x84 }, pop).reverse();
        stack.push(new Tuple(items as Pickled[]));
        break;
      }
      case 't':
        stack.push(new Tuple(toMark() as Pickled[]));
        break;
      case 'e':
      case 'a': {
        const items = opcode === 'e' ? toMark() : [pop()];
        const list = top();
        if (!Array.isArray(list)) throw new TrainerError('format', `pickle: byte ${at}: appends to what is no list`);
        list.push(...items);
        break;
      }
      case 'u':
      case 's': {
        const items = opcode === 'u' ? toMark() : [pop(), pop()].reverse();
        const dict = top();
        if (!(dict instanceof Map) || items.length % 2)
          throw new TrainerError('format', `pickle: byte ${at}: sets items of no dict`);
        for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
        break;
      }
      case 'c':
        stack.push(new Global(`${line()}.${line()}`));
        break;
      case 'Q':
        stack.push(storageOf(pop()));
        break;
      case 'R': {
        const args = pop();
        stack.push(reduce(pop(), args));
        break;
      }
      case '.':
        return pop() as Pickled;
      default:
        throw new TrainerError(
          'format',
          `pickle: byte ${at - 1}: opcode 0x${opcode.charCodeAt(0).toString(16)} is not of torch's states`,
        );
    }
  }
  throw new TrainerError('format', `pickle: more than ${MAX_ITEMS} items`);
}

class Global {
  constructor(readonly name: string) {}
}

/** ('storage', class, key, device, size), the form of torch's persistent ids. */
function storageOf(id: unknown): Pick<PickledTensor, 'storage' | 'key' | 'size'> {
  const [kind, type, key, , size] = id instanceof Tuple ? (id.items as unknown[]) : [];
  if (kind !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || typeof size !== 'number') {
    throw new TrainerError('format', 'pickle: a persistent id that is no storage of torch');
  }
  return { storage: type.name.replace(/^torch\./, ''), key, size };
}

function reduce(callee: unknown, args: unknown): unknown {
  const name = callee instanceof Global ? callee.name : String(callee);
  if (name === 'collections.OrderedDict') return new Map();
  const items = args instanceof Tuple ? (args.items as unknown[]) : [];
  const [storage, offset, shape, stride] = items;
  if (name !== 'torch._utils._rebuild_tensor_v2' || !(shape instanceof Tuple) || !(stride instanceof Tuple)) {
    throw new TrainerError('format', `pickle: '${name}' is not called here; only tensors and plain values are read`);
  }
  return {
    ...(storage as Pick<PickledTensor, 'storage' | 'key' | 'size'>),
    kind: 'tensor',
    offset: offset as number,
    shape: shape.items as number[],
    stride: stride.items as number[],
  } satisfies PickledTensor;
}

/** Writes a pickle of protocol 2. Writes a {@link Float} as float, a plain number as int. */
export function writePickle(value: Pickled | Float): Uint8Array {
  const out: number[] = [0x80, 2];
  const memo = new Map<unknown, number>();
  const u32 = (x: number) => out.push(x & 255, (x >> 8) & 255, (x >> 16) & 255, (x >> 24) & 255);
  const op = (code: string) => out.push(code.charCodeAt(0));
  const remember = (key: unknown) => {
    const index = memo.size;
    memo.set(key, index);
    if (index < 256) {
      op('q');
      out.push(index);
    } else {
      op('r');
      u32(index);
    }
  };
  /** Whether the value was written before. If so, writes a reference to it. */
  const known = (key: unknown) => {
    const index = memo.get(key);
    if (index === undefined) return false;
    if (index < 256) {
      op('h');
      out.push(index);
    } else {
      op('j');
      u32(index);
    }
    return true;
  };
  const global = (module: string, name: string) => {
    const key = `global ${module}.${name}`;
    if (known(key)) return;
    out.push(...new TextEncoder().encode(`c${module}\n${name}\n`));
    remember(key);
  };
  const string = (text: string) => {
    const key = `string ${text}`;
    if (known(key)) return;
    const bytes = new TextEncoder().encode(text);
    op('X');
    u32(bytes.length);
    out.push(...bytes);
    remember(key);
  };
  const int = (x: number) => {
    if (x >= 0 && x < 256) {
      op('K');
      out.push(x);
    } else if (x >= 0 && x < 65536) {
      op('M');
      out.push(x & 255, x >> 8);
    } else {
      op('J');
      u32(x);
    }
  };
  const tuple = (items: (() => void)[], key: unknown) => {
    if (!items.length) return op(')');
    if (items.length > 3) op('(');
    for (const item of items) item();
    if (items.length > 3) op('t');
    else out.push(0x84 + items.length);
    remember(key);
    return undefined;
  };
  /** Python writes the items of a list or dict in groups of 1,000. */
  const group = <T>(items: T[], one: string, many: string, item: (entry: T) => void) => {
    for (let begin = 0; begin < items.length; begin += 1000) {
      const part = items.slice(begin, begin + 1000);
      if (part.length > 1) op('(');
      part.forEach(item);
      op(part.length > 1 ? many : one);
    }
  };
  const write = (item: Pickled | Float): void => {
    if (item === null) op('N');
    else if (typeof item === 'boolean') out.push(item ? 0x88 : 0x89);
    else if (typeof item === 'number') int(item);
    else if (typeof item === 'string') string(item);
    else if (item instanceof Float) {
      op('G');
      out.push(...new Uint8Array(new Float64Array([item.value]).buffer).reverse());
    } else if (item instanceof Tuple) {
      tuple(
        item.items.map((entry) => () => write(entry)),
        item,
      );
    } else if (Array.isArray(item)) {
      op(']');
      remember(item);
      group(item, 'a', 'e', write);
    } else if (item instanceof Map) {
      op('}');
      remember(item);
      group([...item], 's', 'u', ([key, entry]) => {
        write(key);
        write(entry);
      });
    } else tensor(item);
  };
  const tensor = (item: PickledTensor) => {
    global('torch._utils', '_rebuild_tensor_v2');
    const storage = () => {
      const parts = [() => string('storage'), () => global('torch', item.storage), () => string(item.key)];
      tuple([...parts, () => string('cpu'), () => int(item.size)], {});
      op('Q');
    };
    const numbers = (values: number[]) => () =>
      tuple(
        values.map((value) => () => int(value)),
        {},
      );
    const hooks = () => {
      global('collections', 'OrderedDict');
      op(')');
      op('R');
      remember({});
    };
    const args = [storage, () => int(item.offset), numbers(item.shape), numbers(item.stride)];
    tuple([...args, () => write(false), hooks], {});
    op('R');
    remember({});
  };
  write(value);
  op('.');
  return Uint8Array.from(out);
}
