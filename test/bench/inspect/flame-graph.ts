import { type CallNode, folderOf } from './call-tree.ts';

const WIDTH = 1600;
const ROW = 17;
/** Narrower frames are left out, pixels. */
const FRAME_WIDTH_MIN = 0.5;
const CHARACTER_WIDTH = 6.4;

/** A flame graph as SVG: the root above, callees below; colours are by folder, the figure shows in a frame's tool tip. */
export function flameGraph(tree: CallNode, title: string, format: (amount: number) => string): string {
  const frames: string[] = [];
  let depthMax = 0;
  const draw = (node: CallNode, x: number, depth: number, scale: number): void => {
    const width = node.total * scale;
    if (width < FRAME_WIDTH_MIN) return;
    depthMax = Math.max(depthMax, depth);
    const share = ((100 * node.total) / tree.total).toFixed(1);
    const y = 30 + depth * ROW;
    const label = node.name.slice(0, Math.max(0, Math.floor((width - 4) / CHARACTER_WIDTH)));
    frames.push(
      `<g><title>${escape(`${node.name} ${node.place}\n${format(node.total)}, ${share} %; itself ${format(node.self)}`)}</title>` +
        `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colour(node)}"/>` +
        (label.length > 2 ? `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escape(label)}</text>` : '') +
        '</g>',
    );
    let childX = x;
    for (const child of [...node.children.values()].toSorted((a, b) => b.total - a.total)) {
      draw(child, childX, depth + 1, scale);
      childX += child.total * scale;
    }
  };
  draw(tree, 0, 0, WIDTH / Math.max(tree.total, 1));
  const height = 30 + (depthMax + 2) * ROW;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="monospace" font-size="11">` +
    `<rect width="100%" height="100%" fill="#fff"/><text x="4" y="18" font-size="14">${escape(title)}</text>${frames.join('')}</svg>\n`
  );
}

/** The same folder has the same colour in every graph. */
function colour(node: CallNode): string {
  let hash = 0;
  for (const character of folderOf(node)) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) | 0;
  return `hsl(${(hash >>> 0) % 360} 65% 72%)`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
