export declare function compileBuilds(
  folder: string,
  entry: string,
): Promise<{ plain: Uint8Array; relaxed: Uint8Array; wide?: Uint8Array }>;
