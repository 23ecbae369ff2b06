/** @file Gemma 2 and 3 in float64, written from the papers' formulas: config and weights to the last norm's output. */
import type { Weights } from '@arena/files';

interface Config {
  model_type: string;
  hidden_size: number;
  num_attention_heads: number;
  num_key_value_heads: number;
  head_dim: number;
  rms_norm_eps: number;
  layer_types: string[];
  query_pre_attn_scalar: number;
  attn_logit_softcapping: number | null;
  sliding_window: number;
  rope_parameters: Record<string, unknown>;
}

interface Rope {
  rope_theta: number;
  factor?: number;
}

type Matrix = number[][];

/** Output of the last norm [tokens, hidden_size] of one sequence without padding. */
export async function forward(json: Record<string, unknown>, weights: Weights, ids: number[]): Promise<Matrix> {
  const config = json as unknown as Config;
  const { hidden_size: hidden, head_dim: width, num_attention_heads: heads } = config;
  const shared = heads / config.num_key_value_heads;
  const read = (name: string) => weights.readFloat32(`${name}.weight`);
  const norm = (x: number[], w: Float32Array) => {
    const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + config.rms_norm_eps);
    return x.map((v, i) => v * scale * (1 + w[i]));
  };
  const linear = (x: number[], w: Float32Array) =>
    Array.from({ length: w.length / x.length }, (_, o) => x.reduce((sum, v, i) => sum + v * w[o * x.length + i], 0));

  const embedding = await read('model.embed_tokens');
  const factor = Math.fround(Math.sqrt(hidden));
  let rows: Matrix = ids.map((id) => Array.from(embedding.subarray(id * hidden, (id + 1) * hidden), (v) => v * factor));
  for (const [layer, type] of config.layer_types.entries()) {
    const w: Record<string, Float32Array> = {};
    const prefix = `model.layers.${layer}.`;
    for (const name of weights.tensors.keys()) {
      if (name.startsWith(prefix)) w[name.slice(prefix.length, -'.weight'.length)] = await weights.readFloat32(name);
    }
    const rope = (config.rope_parameters[type] ?? config.rope_parameters) as Rope;
    const heading = (x: number[], head: number, position: number, weight?: Float32Array) => {
      const part = x.slice(head * width, (head + 1) * width);
      const one = weight ? norm(part, weight) : part;
      return one.map((v, i) => {
        const frequency = rope.rope_theta ** (-(2 * (i % (width / 2))) / width) / (rope.factor ?? 1);
        const other = i < width / 2 ? -one[i + width / 2] : one[i - width / 2];
        return v * Math.cos(position * frequency) + other * Math.sin(position * frequency);
      });
    };
    const entered = rows.map((x) => norm(x, w.input_layernorm));
    const queries = entered.map((x) => linear(x, w['self_attn.q_proj']));
    const keys = entered.map((x) => linear(x, w['self_attn.k_proj']));
    const values = entered.map((x) => linear(x, w['self_attn.v_proj']));
    const attended = queries.map((query, t) => {
      const out: number[] = [];
      const first = type === 'sliding_attention' ? Math.max(0, t - config.sliding_window + 1) : 0;
      for (let head = 0; head < heads; head++) {
        const own = Math.floor(head / shared);
        const q = heading(query, head, t, w['self_attn.q_norm']);
        const scores = keys.slice(first, t + 1).map((key, j) => {
          const k = heading(key, own, first + j, w['self_attn.k_norm']);
          const score = q.reduce((sum, v, i) => sum + v * k[i], 0) / Math.sqrt(config.query_pre_attn_scalar);
          const cap = config.attn_logit_softcapping;
          return cap ? cap * Math.tanh(score / cap) : score;
        });
        const most = Math.max(...scores);
        const shares = scores.map((score) => Math.exp(score - most));
        const total = shares.reduce((a, b) => a + b, 0);
        for (let i = 0; i < width; i++) {
          out.push(shares.reduce((sum, share, j) => sum + (share / total) * values[first + j][own * width + i], 0));
        }
      }
      return linear(out, w['self_attn.o_proj']);
    });
    rows = rows.map((x, t) => {
      const added = norm(attended[t], w.post_attention_layernorm);
      const half = x.map((v, i) => v + added[i]);
      const inner = norm(half, w.pre_feedforward_layernorm);
      const up = linear(inner, w['mlp.up_proj']);
      const gated = linear(inner, w['mlp.gate_proj']).map((v, i) => {
        return 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))) * up[i];
      });
      const down = norm(linear(gated, w['mlp.down_proj']), w.post_feedforward_layernorm);
      return half.map((v, i) => v + down[i]);
    });
  }
  const last = await read('model.norm');
  return rows.map((x) => norm(x, last));
}
