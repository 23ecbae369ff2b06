/** @file Texts for people, without what only a server may see. */

/** A text without the secrets in its addresses: passwords, and the signatures and tokens of queries. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/([a-z][\w+.-]*:\/\/)[^\s/?#@]*@/gi, '$1***@')
    .replace(
      /([?&](?:[\w-]*(?:token|signature|credential|secret|password|key-pair-id|policy|api[-_]?key)|sig|auth)=)[^&\s"')]+/gi,
      '$1***',
    );
}
