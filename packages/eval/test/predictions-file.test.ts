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
    ['text after a quote', 'id,probabilityA\n"a"b,1\n', 'csv', /row 2: text follows a closing quote/],
  ])('%s', (_, text, format, message) => {
    expect(() => parsePredictions(text, format)).toThrow(EvaluationInputError);
    expect(() => parsePredictions(text, format)).toThrow(message);
  });
});
