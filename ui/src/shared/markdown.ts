import DOMPurify from "dompurify";
import { marked } from "marked";

/** HTML in which nothing runs and nothing is loaded from elsewhere. Links open beside. */
export function toHtml(text: string): string {
  const html = marked.parse(text, { async: false, gfm: true, breaks: true });
  const clean = DOMPurify.sanitize(html, {
    FORBID_TAGS: ["style", "form", "input", "button", "iframe", "video", "audio", "source"],
    FORBID_ATTR: ["style", "srcset"],
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|#|data:image\/(?:png|jpeg|gif|webp);)/i,
  });
  return clean.replace(/<a /g, '<a target="_blank" rel="noopener noreferrer" ');
}
