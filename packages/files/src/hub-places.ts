/** @file Where Hugging Face's own tools keep their files on this machine, and the access token (Node). */
import { nodeFs } from './node-fs.js';

/** Places on this machine, and what requests of the hub need. */
export interface HubPlaces {
  cache: string;
  tokenFile: string;
  endpoint?: string;
  token?: string;
  /** Whether the hub is not to be asked. */
  offline: boolean;
}

/** Places, from the environment variables of Hugging Face's own tools (Node). */
export function hubPlaces(env: Record<string, string | undefined> = process.env): HubPlaces {
  const { join } = process.getBuiltinModule('node:path');
  const { homedir } = process.getBuiltinModule('node:os');
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  return {
    cache: env.HF_HUB_CACHE ?? join(home, 'hub'),
    tokenFile: env.HF_TOKEN_PATH ?? join(home, 'token'),
    endpoint: env.HF_ENDPOINT?.replace(/\/$/, ''),
    token: env.HF_TOKEN ?? env.HUGGING_FACE_HUB_TOKEN,
    offline: /^(1|on|yes|true)$/i.test(env.HF_HUB_OFFLINE ?? ''),
  };
}

/** The access token from the environment, or from `hf auth login` (Node). */
export async function accessToken(): Promise<string | undefined> {
  const { token, tokenFile } = hubPlaces();
  const read = () => nodeFs().readFile(tokenFile, 'utf8');
  return token ?? ((await read().catch(() => '')).trim() || undefined);
}
