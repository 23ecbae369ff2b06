/** @file Answers of chatbots as they are meant to be read: their markdown. Nothing in them becomes markup of the page, and nothing is fetched. */
import { html, type TemplateResult } from 'lit-html';
import { lexer, type Token, type Tokens } from 'marked';

type Rendered = TemplateResult | string | Rendered[];

/** The text as elements. Pictures and links stay text; HTML is shown as it is written. */
export function markdown(text: string): Rendered {
  return blocks(lexer(text));
}

function blocks(tokens: Token[]): Rendered[] {
  return tokens.map(block);
}

function block(token: Token): Rendered {
  switch (token.type) {
    case 'space':
    case 'def':
      return '';
    case 'heading':
      return html`<p class="heading">${inline(token.tokens)}</p>`; // the page's own headings are its outline
    case 'code':
      return html`<pre tabindex="0">${token.text}</pre>`;
    case 'blockquote':
      return html`<blockquote>${blocks(token.tokens ?? [])}</blockquote>`;
    case 'hr':
      return html`<hr />`;
    case 'list': {
      const { ordered, start, items } = token as Tokens.List;
      const rows = items.map((item) => html`<li>${blocks(item.tokens)}</li>`);
      return ordered ? html`<ol start=${start || 1}>${rows}</ol>` : html`<ul>${rows}</ul>`;
    }
    case 'table': {
      const { header, rows } = token as Tokens.Table;
      const cells = (row: Tokens.TableCell[]) => row.map((cell) => html`<td>${inline(cell.tokens)}</td>`);
      return html`<div class="scroll" tabindex="0"><table><tbody>
        <tr>${header.map((cell) => html`<th scope="col">${inline(cell.tokens)}</th>`)}</tr>
        ${rows.map((row) => html`<tr>${cells(row)}</tr>`)}
      </tbody></table></div>`;
    }
    case 'paragraph':
      return html`<p>${inline(token.tokens)}</p>`;
    case 'text':
      return (token as Tokens.Text).tokens ? html`${inline((token as Tokens.Text).tokens)}` : token.raw;
    default:
      return html`<p>${token.raw}</p>`;
  }
}

function inline(tokens: Token[] | undefined): Rendered[] {
  return (tokens ?? []).map((token): Rendered => {
    switch (token.type) {
      case 'strong':
        return html`<strong>${inline(token.tokens)}</strong>`;
      case 'em':
        return html`<em>${inline(token.tokens)}</em>`;
      case 'del':
        return html`<del>${inline(token.tokens)}</del>`;
      case 'codespan':
        return html`<code>${token.text}</code>`;
      case 'br':
        return html`<br />`;
      case 'escape':
        return token.text as string;
      case 'link':
        return html`<span class="link">${inline(token.tokens)}</span>`;
      case 'image':
        return html`<span class="soft">[picture: ${token.text}]</span>`;
      default:
        return token.raw;
    }
  });
}
