/** @file The commands in a block of shell: enough of the language to say which program gets which words. */

const OPERATOR = /^(\|\||&&|;;|\|&|[|;&()\n])/;
const REDIRECTION = /^(\d*(?:>>|>&|<<<|>|<)|&>>?)/;

/**
 * The simple commands of a script, as lists of words. Comments, redirections and the texts of here-documents are left
 * out, quotes are taken off, `$` stays as it is written.
 */
export function commandsOf(script) {
  const commands = [];
  let words = [];
  let rest = script.replace(/\\\n[ \t]*/g, ' ');
  const waiting = []; // ends of here-documents
  const end = () => {
    const own = words.filter((word, i) => !(/^\w+=/.test(word) && words.slice(0, i).every((one) => /^\w+=/.test(one))));
    if (own.length) commands.push(own);
    words = [];
  };
  while (rest) {
    const [blank] = /^[ \t]*/.exec(rest);
    rest = rest.slice(blank.length);
    const here = /^<<-?\s*(['"]?)(\w+)\1/.exec(rest);
    const operator = OPERATOR.exec(rest);
    const redirection = !here && REDIRECTION.exec(rest);
    if (/^#/.test(rest)) rest = rest.replace(/^[^\n]*/, '');
    else if (here) {
      waiting.push(here[2]);
      rest = rest.slice(here[0].length);
    } else if (redirection && !operator) {
      rest = rest.slice(redirection[0].length).replace(/^[ \t]*/, '');
      rest = wordAt(rest).rest; // where it goes
    } else if (operator) {
      rest = rest.slice(operator[0].length);
      end();
      while (operator[0] === '\n' && waiting.length) {
        const close = new RegExp(`^\\t*${waiting.shift()}$`, 'm').exec(rest);
        rest = close ? rest.slice(close.index + close[0].length) : '';
      }
    } else if (rest) {
      const read = wordAt(rest);
      words.push(read.word);
      rest = read.rest;
    }
  }
  end();
  return commands.flatMap((command) => {
    const at = command.findIndex((word, i) => /^(ba)?sh$/.test(word) && /^-\w*c$/.test(command[i + 1] ?? ''));
    return at < 0
      ? [command]
      : [command.slice(0, at), ...commandsOf(command[at + 2] ?? '')].filter((one) => one.length);
  });
}

/** A word at the beginning of a text, and what follows it. */
function wordAt(text) {
  let word = '';
  let rest = text;
  for (;;) {
    const plain = /^[^\s'"\\$|;&()<>]+/.exec(rest);
    const single = /^'([^']*)'/.exec(rest);
    const double = /^"((?:[^"\\]|\\[\s\S])*)"/.exec(rest);
    const other = /^(\$\((?:[^()]|\([^()]*\))*\)|\$\{[^}]*\}|\$[\w@*#?!-]?|\\[\s\S])/.exec(rest);
    const taken = plain ?? single ?? double ?? other;
    if (!taken) break;
    word += plain ? taken[0] : single || double ? taken[1].replace(/\\(["\\$`])/g, '$1') : taken[0].replace(/^\\/, '');
    rest = rest.slice(taken[0].length);
  }
  if (rest === text && rest) [word, rest] = [rest[0], rest.slice(1)];
  return { word, rest };
}
