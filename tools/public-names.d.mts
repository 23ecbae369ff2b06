export declare function publicNames(): Record<string, string[]>;
