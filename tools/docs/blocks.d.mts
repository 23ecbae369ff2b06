/** What is wrong with the code blocks of pages, given as texts by path. */
export function blockProblems(pages: Map<string, string>): Promise<string[]>;
