/** @file docs/reference/openapi.json against real requests and answers of the server. */
import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PredictionServer, startPredictionServer } from '../src/serve/server.js';

interface Operation {
  responses: Record<string, { $ref: string } | { content: { 'application/json': { schema: object } } }>;
}

const api = JSON.parse(await readFile(new URL('../../../docs/reference/openapi.json', import.meta.url), 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
  components: { responses: Record<string, object> };
};
const ajv = new Ajv2020({ strict: false });
ajv.addSchema(api, 'api');
const TOKEN = 'secret';
let server: PredictionServer;

beforeAll(async () => {
  server = await startPredictionServer(
    async (battles) => {
      if (battles[0].prompt[0] === 'fail') throw new Error('the model failed');
      return battles.map(() => ({ probabilityA: 0.25, rawProbabilityA: 0.5 }));
    },
    {
      host: '127.0.0.1',
      port: 0,
      token: TOKEN,
      maxBytes: 1000,
      maxBattles: 2,
      queue: 2,
      together: 2,
      connections: 10,
      timeout: 5000,
    },
  );
});
afterAll(() => server.close(true));

/** The schema of an answer by status, as a pointer into the file. */
function schemaOf(path: string, method: string, status: number): string {
  const at = (part: string) => part.replaceAll('/', '~1');
  const answer = api.paths[path]?.[method]?.responses[status];
  if (!answer) throw new Error(`openapi.json: ${method} ${path} has no answer ${status}`);
  const place = '$ref' in answer ? answer.$ref : `#/paths/${at(path)}/${method}/responses/${status}`;
  return `api${place}/content/application~1json/schema`;
}

const BATTLE = { prompt: 'p', response_a: ['a'], response_b: 'b' };
const asks = (body: unknown, more: RequestInit = {}) => ({
  method: 'POST',
  body: JSON.stringify(body),
  ...more,
  headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}`, ...more.headers },
});

test.each<[string, string, number, RequestInit]>([
  ['one battle', '/predict', 200, asks(BATTLE)],
  ['a list', '/predict', 200, asks({ battles: [BATTLE, BATTLE] })],
  ['health', '/health', 200, {}],
  ['a field of another type', '/predict', 400, asks({ ...BATTLE, prompt: 3 })],
  ['no token', '/predict', 401, asks(BATTLE, { headers: { authorization: '' } })],
  ['another method', '/health', 405, asks(BATTLE)],
  ['too many battles', '/predict', 413, asks({ battles: [BATTLE, BATTLE, BATTLE] })],
  ['too many bytes', '/predict', 413, asks({ ...BATTLE, prompt: 'p'.repeat(2000) })],
  ['plain text', '/predict', 415, asks(BATTLE, { headers: { 'content-type': 'text/plain' } })],
  ['a model that fails', '/predict', 500, asks({ ...BATTLE, prompt: 'fail' })],
])('%s', async (_, path, status, init) => {
  const answer = await fetch(`${server.url}${path}`, init);
  expect(answer.status).toBe(status);
  const method = status === 405 ? 'get' : (init.method ?? 'GET').toLowerCase();
  const validate = ajv.getSchema(schemaOf(path, method, status))!;
  const body = await answer.json();
  expect([validate(body), validate.errors]).toEqual([true, null]);
});

test('the schema of a request takes what the server takes, and refuses what it refuses', () => {
  const validate = ajv.getSchema('api#/paths/~1predict/post/requestBody/content/application~1json/schema')!;
  for (const body of [BATTLE, { battles: [BATTLE] }]) expect(validate(body)).toBe(true);
  for (const body of [[], {}, { battles: [] }, { ...BATTLE, prompt: 3 }, { ...BATTLE, prompt: [] }])
    expect(validate(body)).toBe(false);
});
