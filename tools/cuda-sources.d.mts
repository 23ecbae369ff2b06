export declare const ROOT: string;
export declare const INCLUDES: string[];
export declare function cudaSources(extensions?: string[]): string[];
export declare function allKernels(): string;
export declare function sourcesHash(): string;
