/** @file Where Hugging Face's own tools keep their files on this machine, and the access token (Node). */
import { FileError, quote } from './error.js';
import { nodeFs } from './node-fs.js';
import { cleanToken } from './secrets.js';

/** Variables of an environment. */
type Environment = Record<string, string | undefined>;

/** Places on this machine, and what requests of the hub need. */
export interface HubPlaces {
  cache: string;
  tokenFile: string;
  endpoint?: string;
  /** The variable that forbids downloads, if one does. */
  offline?: string;
}

/**
 * Locations, from the environment variables of Hugging Face's own tools, with the rules of huggingface_hub (Node).
 * @throws FileError naming the variable that holds no folder or address.
 */
export function hubPlaces(env: Environment = process.env): HubPlaces {
  const { join } = process.getBuiltinModule('node:path');
  const given = (name: string) => env[name]?.trim() || undefined; // an empty variable is none
  const folder = (...names: string[]) => {
    const name = names.find(given);
    return name === undefined ? undefined : expandPath(given(name)!, name, env);
  };
  const home = folder('HF_HOME') ?? join(folder('XDG_CACHE_HOME') ?? join(homeFolder(env), '.cache'), 'huggingface');
  const offlineBy = ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'].find(given);
  return {
    cache: folder('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub'),
    tokenFile: folder('HF_TOKEN_PATH') ?? join(home, 'token'),
    endpoint: endpointOf(given('HF_ENDPOINT')),
    offline: offlineBy && isTrue(given(offlineBy)) ? offlineBy : undefined,
  };
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}

function endpointOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  if (/^https?:\/\/[^/]/i.test(address) && URL.canParse(address)) return address.replace(/\/+$/, '');
  const expected = 'an address that begins with https:// is expected, such as https://huggingface.co';
  throw new FileError('argument', expected, 'HF_ENDPOINT');
}

/** A person's folder. An empty HOME is none. */
function homeFolder(env: Environment): string {
  const { homedir, userInfo } = process.getBuiltinModule('node:os');
  return (process.platform !== 'win32' && env.HOME) || homedir() || userInfo().homedir;
}

/**
 * A path with `~` and `$NAME` in it, as Python's expanduser and expandvars read it.
 * @throws FileError naming the variable when it would begin in a folder of that very name.
 */
function expandPath(path: string, name: string, env: Environment): string {
  const known = (whole: string, braced?: string, plain?: string) => env[braced ?? plain ?? ''] ?? whole;
  const expanded = path
    .replace(/^~(?=$|[\\/])/, () => homeFolder(env))
    .replace(/\$(?:\{([^}]*)\}|(\w+))/g, known)
    .replace(process.platform === 'win32' ? /%(\w+)%/g : /(?!)/, known);
  if (!/^[~$]/.test(expanded)) return expanded;
  const reason = `${quote(path)} is no folder (~ and $NAME of this machine are expanded); give a whole path`;
  throw new FileError('argument', reason, name);
}

/** The access token from the environment, or from `hf auth login` (Node). @throws FileError naming its source when it is bad. */
export async function accessToken(env: Environment = process.env): Promise<string | undefined> {
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN?.trim())) return undefined;
  for (const name of ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN']) {
    const token = cleanToken(env[name], name);
    if (token) return token;
  }
  const { tokenFile } = hubPlaces(env);
  const read = () => nodeFs().readFile(tokenFile, 'utf8');
  return cleanToken(await read().catch(() => ''), tokenFile);
}
