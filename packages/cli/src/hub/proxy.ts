/** @file The proxy of the environment, for every request of this process. Node's own fetch passes it by. */

const HTTP = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'];

/** Variables by the scheme of the address that is asked. */
const VARIABLES = { http: HTTP, https: ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY', ...HTTP] };

/** The variables that name a proxy, and its address. Passwords may be in it: it stands in no message. */
function proxyOf(scheme: 'http' | 'https', env: NodeJS.ProcessEnv): { name: string; address: string } | undefined {
  const name = VARIABLES[scheme].find((one) => env[one]?.trim());
  if (name === undefined) return undefined;
  const value = env[name]!.trim();
  const address = /^[a-z][\w+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!/^https?:/i.test(address)) {
    const other = address.replace(/:.*/s, '');
    throw new Error(`${name}: a proxy of the kind ${other}:// is not used here; name one of http:// or https://`);
  }
  if (!URL.canParse(address)) throw new Error(`${name}: the address of a proxy is expected, such as http://proxy:3128`);
  return { name, address };
}

/** What a request that found no server may owe to proxies. */
export function proxyNote(env: NodeJS.ProcessEnv = process.env): string {
  const name = proxyOf('https', env)?.name;
  return name === undefined ? 'behind a proxy, set HTTPS_PROXY' : `requests go through the proxy of ${name}`;
}

/**
 * Sends the requests of this process through the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY name, but for hosts in
 * NO_PROXY.
 * @throws Error naming a variable that holds no proxy that can be used.
 */
export async function useProxy(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const [http, https] = [proxyOf('http', env), proxyOf('https', env)];
  if (!http && !https) return;
  const { EnvHttpProxyAgent, setGlobalDispatcher } = await import('undici');
  setGlobalDispatcher(
    new EnvHttpProxyAgent({
      httpProxy: http?.address ?? '',
      httpsProxy: https?.address ?? '',
      noProxy: env.no_proxy ?? env.NO_PROXY ?? '',
      proxyTunnel: false, // plain HTTP needs none, and proxies often forbid one to port 80
    }),
  );
}
