import { EvaluationInputError, parsePredictions } from '@arena/eval';
import { describe, expect, test } from 'vitest';

test('JSON lines and CSV in the own columns', () => {
  const want = [
    { id: 'a', probabilityA: 0.25, probabilityASwapped: 0.5 },
    { id: 'b, "c"\nd', probabilityA: 1e-3, probabilityASwapped: 1 },
  ];
  expect(parsePredictions(`${want.map((row) => JSON.stringify(row)).join('\r\n')}\n\n`, 'jsonl')).toEqual(want);
  const csv = '\ufeffid,probabilityA,note,probabilityASwapped\r\na,0.25,,0.5\r\n"b, ""c""\nd",1e-3,"x",1\r\n';
  expect(parsePredictions(csv, 'csv')).toEqual(want);
  expect(parsePredictions(csv.trimEnd(), 'csv')).toEqual(want);
  expect(parsePredictions('', 'csv')).toEqual([]);
  expect(parsePredictions('id,probabilityA\n7,0.5\n', 'csv')).toEqual([{ id: '7', probabilityA: 0.5 }]);
});

test('three classes and rewards', () => {
  const classes = { id: 'id', classes: ['winner_model_a', 'winner_model_b', 'winner_tie'] } as const;
  const csv = 'id,winner_model_a,winner_model_b,winner_tie\n1,0.5,0.25,0.25\n';
  expect(parsePredictions(csv, 'csv', classes)).toEqual([{ id: '1', probabilityA: 0.625 }]);
  const [row] = parsePredictions('{"k":1,"ra":2,"rb":1}', 'jsonl', { id: 'k', rewards: ['ra', 'rb'] });
  expect(row.probabilityA).toBeCloseTo(Math.E / (1 + Math.E), 14);
});

test('ids are exact, and the same from every format', () => {
  const ids = ['9007199254740993', '-9223372036854775808', '18446744073709551615', '0.10'];
  const want = ids.map((id) => ({ id, probabilityA: 0.5 }));
  expect(parsePredictions(ids.map((id) => `{"id":${id},"probabilityA":0.5}`).join('\n'), 'jsonl')).toEqual(want);
  expect(parsePredictions(`id,probabilityA\n${ids.map((id) => `${id},0.5\n`).join('')}`, 'csv')).toEqual(want);
  const records = [9007199254740993n, -(2n ** 63n), 2n ** 64n - 1n, '0.10'].map((id, row) => ({
    row,
    values: { id, probabilityA: 0.5 },
  }));
  expect(parsePredictions(records, 'records')).toEqual(want);
});

test('lines end as they like, and the delimiter is found', () => {
  const want = ['a', 'b'].map((id) => ({ id, probabilityA: 0.5 }));
  expect(parsePredictions('id;probabilityA\ra;0.5\r\nb;0.5\n', 'csv')).toEqual(want);
  expect(parsePredictions('{"id":"a","probabilityA":0.5}\r{"id":"b","probabilityA":0.5}', 'jsonl')).toEqual(want);
  expect(parsePredictions('{"id":"a","probabilityA":0.5,"note":NaN}', 'jsonl')).toEqual(want.slice(0, 1));
});

test('classes are probabilities, rounded to three digits at least', () => {
  const classes = ['a', 'b', 't'] as const;
  const read = (values: string) => parsePredictions(`id,a,b,t\n1,${values}\n`, 'csv', { id: 'id', classes });
  expect(read('0.333,0.333,0.333')).toEqual([{ id: '1', probabilityA: 0.5 }]);
  expect(read('1,0,0')).toEqual([{ id: '1', probabilityA: 1 }]);
  const refused: [string, RegExp][] = [
    ['45,40,15', /row 2: a, b, t are 45, 40, 15, which sum to 100; .*are they percentages\? divide them by 100/],
    ['2.1,-0.3,0.2', /which sum to 2; .*logits or scores\? apply softmax/],
    ['0.5,0.5,0.5', /which sum to 1.5; probabilities from 0 to 1 that sum to 1 are expected$/],
    ['0,0,0', /which sum to 0;/],
    ['0.5,0.49,0.0', /which sum to 0.99;/],
    ['-0.1,0.6,0.5', /which sum to 1; .*logits/],
    ['nan,0.5,0.5', /a is "nan"; expected a number/],
  ];
  for (const [values, message] of refused) expect(() => read(values)).toThrow(message);
});

describe('bad files are refused by row', () => {
  test.each<[string, string, 'csv' | 'jsonl', RegExp]>([
    ['not JSON', '{"id":"a","probabilityA":1}\n{', 'jsonl', /row 2: not JSON/],
    ['a list', '[1]', 'jsonl', /row 1: not a JSON object/],
    ['no id', '{"probabilityA":1}', 'jsonl', /row 1: column "id" holds no id/],
    ['no number', '{"id":"a","probabilityA":"x"}', 'jsonl', /row 1: probabilityA is "x"/],
    ['null', '{"id":"a","probabilityA":null}', 'jsonl', /row 1: probabilityA is null/],
    ['missing column', 'id,p\na,1\n', 'csv', /row 2: there is no column "probabilityA"; its columns are id, p/],
    ['short record', 'id,probabilityA\na\n', 'csv', /row 2: it has 1 cells, the header has 2/],
    ['empty cell', 'id,probabilityA\na,\n', 'csv', /row 2: probabilityA is ""/],
    ['open quote', 'id,probabilityA\n"a,1\n', 'csv', /row 2: a quote is left open/],
    ['a percentage', 'id,probabilityA\na,73\n', 'csv', /row 2: probabilityA is 73; .*a percentage\? divide by 100/],
    ['a logit', 'id,probabilityA\na,-1.5\n', 'csv', /row 2: probabilityA is -1.5; .*apply the sigmoid/],
    ['a decimal comma', 'id;probabilityA\na;0,5\n', 'csv', /row 2: probabilityA is "0,5"; .*with a decimal point/],
    [
      'a per cent sign',
      'id,probabilityA\na,73%\n',
      'csv',
      /row 2: probabilityA is "73%"; expected a number from 0 to 1/,
    ],
    ['a hexadecimal number', 'id,probabilityA\na,0x1\n', 'csv', /row 2: probabilityA is "0x1"/],
    ['an empty id', 'id,probabilityA\n,0.5\n', 'csv', /row 2: column "id" holds no id/],
    ['an id that is an object', '{"id":{},"probabilityA":1}', 'jsonl', /row 1: column "id" holds an object/],
    ['a column twice', 'id,probabilityA,id\na,1,b\n', 'csv', /predictions: the header has the column "id" twice/],
    ['a key twice', '{"id":"a","id":"b","probabilityA":1}', 'jsonl', /row 1: the key "id" stands twice/],
    ['text after a quote', 'id,probabilityA\n"a"b,1\n', 'csv', /row 2: text follows a closing quote/],
  ])('%s', (_, text, format, message) => {
    expect(() => parsePredictions(text, format)).toThrow(EvaluationInputError);
    expect(() => parsePredictions(text, format)).toThrow(message);
  });
});
