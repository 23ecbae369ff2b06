/** @file Texts that Python's json and repr write, and that transformers takes. */
import { expect, test } from 'vitest';
import { editJson, parsePythonJson, pythonFloat, pythonJson } from '../src/json/index.js';

test('pythonFloat writes what repr() writes', () => {
  // Texts taken from Python 3.11's repr.
  const cases: [number, string][] = [
    [0, '0.0'],
    [1, '1.0'],
    [-0, '-0.0'],
    [0.1, '0.1'],
    [1e-4, '0.0001'],
    [9.999e-5, '9.999e-05'],
    [5e-5, '5e-05'],
    [1e-7, '1e-07'],
    [1.5e-10, '1.5e-10'],
    [123456789.25, '123456789.25'],
    [1e15, '1000000000000000.0'],
    [1e16, '1e+16'],
    [1.25e22, '1.25e+22'],
    [1e-310, '1e-310'],
    [0.051940612494945526, '0.051940612494945526'],
  ];
  for (const [value, text] of cases) expect(pythonFloat(value)).toBe(text);
});

test('pythonJson writes what json.dumps(indent=2, sort_keys=True) writes', () => {
  const value = { b: [1, 2.5], a: { cap: 30, eps: 1e-6, none: null, off: [] }, left: undefined };
  // by Python 3.11, with cap = 30.0
  expect(pythonJson(value, new Set(['cap']))).toBe(
    '{\n  "a": {\n    "cap": 30.0,\n    "eps": 1e-06,\n    "none": null,\n    "off": []\n  },\n  "b": [\n    1,\n    2.5\n  ]\n}',
  );
});

test('parsePythonJson reads what json.dumps writes', () => {
  // by Python 3.11: json.dumps({"a": [float("nan"), float("inf"), -float("inf"), 1e400], "NaN": "NaN, Infinity", "b": 1.5})
  const text = '{"a": [NaN, Infinity, -Infinity, Infinity], "NaN": "NaN, Infinity", "b": 1.5}';
  expect(parsePythonJson(text)).toEqual({
    a: [Number.NaN, Infinity, -Infinity, Infinity],
    NaN: 'NaN, Infinity',
    b: 1.5,
  });
  for (const bad of ['{"a": nan}', '{"a": +Infinity}', '{"a": NaN', '{NaN: 1}', '{\n"a":\n x}', ''])
    expect(() => parsePythonJson(bad), bad).toThrow(/^[^\n]+$/);
  expect(editJson(text, { b: 2 })).toContain('"a": [\n    NaN,\n    Infinity,\n    -Infinity,');
});

test('editJson changes the fields that are given and no other character of a number', () => {
  const text =
    '{"cap": 30.0, "eps": 1e-06, "n": 256, "s": "\\"1.0\\" \u00e9 2.0", "deep": {"theta": [10000.0]}, "id": 7}';
  const edited = editJson(text, { id: { '0': 'A' }, more: 0.5 });
  expect(edited).toBe(`{
  "cap": 30.0,
  "eps": 1e-06,
  "n": 256,
  "s": "\\"1.0\\" \u00e9 2.0",
  "deep": {
    "theta": [
      10000.0
    ]
  },
  "id": {
    "0": "A"
  },
  "more": 0.5
}
`);
  expect(() => editJson('{"cap": 30.0', {})).toThrow(SyntaxError);
});

test('editJson gives whole numbers of the named fields a point, at any depth', () => {
  const edited = editJson(
    '{"cap": 30, "n": 256, "none": null}',
    { deep: { threshold: 6 } },
    new Set(['cap', 'threshold', 'none']),
  );
  expect(edited).toBe('{\n  "cap": 30.0,\n  "n": 256,\n  "none": null,\n  "deep": {\n    "threshold": 6.0\n  }\n}\n');
});
