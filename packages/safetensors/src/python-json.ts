/**
 * @file JSON the way Python reads and writes it. There `30` and `30.0` are different types, and transformers refuses
 * one for the other.
 */

/**
 * A double in the form of Python's repr: exponent form below 1e-4 and from 1e16 on, two digits of exponent at least.
 */
export function pythonFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return `${Object.is(value, -0) ? '-0' : value}.0`;
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e16) {
    // JS keeps plain decimals down to 1e-6, with the same shortest digits as Python.
    return `${value}`;
  }
  const [digits, exponent] = value.toExponential().split('e');
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/**
 * Reads JSON as Python writes it: NaN, Infinity and -Infinity are numbers. The text of a number is kept by {@link rewriteJson} alone.
 * @throws SyntaxError in one line when it is not JSON.
 */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const marked = text.replace(TOKEN, (token) =>
      /^(NaN|-?Infinity)$/.test(token) ? JSON.stringify(MARK + token) : token,
    );
    try {
      if (marked !== text) return JSON.parse(marked, numberOfMark);
    } catch {} // the first message speaks of the text as it is
    throw new SyntaxError((error as Error).message.replaceAll(/\s+/g, ' '));
  }
}

function numberOfMark(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.startsWith(MARK) ? Number(value.slice(MARK.length)) : value;
}

/**
 * Python's `json.dumps(indent=2, sort_keys=True)`. `floats` names the fields whose numbers are floats there, whole or
 * not.
 */
export function pythonJson(value: unknown, floats: ReadonlySet<string> = new Set(), indent = '', key = ''): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    if (!value.length) return '[]';
    return `[\n${value.map((item) => inner + pythonJson(item, floats, inner)).join(',\n')}\n${indent}]`;
  }
  if (value !== null && typeof value === 'object') {
    const fields = value as Record<string, unknown>;
    const keys = Object.keys(fields)
      .filter((name) => fields[name] !== undefined)
      .sort();
    if (!keys.length) return '{}';
    const field = (name: string) => `${inner}${JSON.stringify(name)}: ${pythonJson(fields[name], floats, inner, name)}`;
    return `{\n${keys.map(field).join(',\n')}\n${indent}}`;
  }
  if (typeof value === 'number' && (floats.has(key) || !Number.isInteger(value))) return pythonFloat(value);
  return JSON.stringify(value);
}

/** A string or a number of a JSON text, with those that Python alone writes. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|(?:NaN|-?Infinity)(?!\s*:)/g;
/** Marker of a number that is held as a string. JSON.stringify escapes its first character. */
const MARK = '\u0000number ';

/**
 * A JSON object's text with some fields replaced, indented by 2. Every other number keeps its text, since JavaScript
 * would write `30.0` as `30`.
 * @param floats Names of fields at any depth whose whole numbers get a point, as floats have in Python.
 * @throws SyntaxError when it is not JSON.
 */
export function editJson(
  text: string,
  fields: { [name: string]: unknown },
  floats: ReadonlySet<string> = new Set(),
): string {
  return rewriteJson(text, (json) => ({ ...json, ...fields }), floats);
}

/**
 * A JSON object's text with fields from `change`, which keeps numbers like {@link editJson}. Numbers with a point or an
 * exponent are texts within `change`: move them, but do not compute with them.
 * @throws SyntaxError when it is not JSON.
 */
export function rewriteJson(
  text: string,
  change: (json: Record<string, unknown>) => Record<string, unknown>,
  floats: ReadonlySet<string> = new Set(),
): string {
  const marked = text.replace(TOKEN, (token) =>
    token.startsWith('"') || /^-?\d+$/.test(token) ? token : JSON.stringify(MARK + token),
  );
  const asFloat = (key: string, value: unknown) =>
    typeof value === 'number' && floats.has(key) ? MARK + pythonFloat(value) : value;
  const written = JSON.stringify(change(JSON.parse(marked)), asFloat, 2);
  return `${written.replaceAll(/"\\u0000number ([^"]*)"/g, '$1')}\n`;
}
