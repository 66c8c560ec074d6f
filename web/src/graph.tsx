/* The map: devices and what they say to each other, laid out by force. The same links stand in a
 * table below; nodes can be reached and opened by keyboard. */
import { forceCollide, forceLink, forceManyBody, forceSimulation, forceX, forceY } from "d3-force";
import type { SimulationLinkDatum, SimulationNodeDatum } from "d3-force";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { all, useData } from "./api";
import type { Device, Link } from "./api";
import { className, count, plural } from "./format";
import { Rows } from "./table";
import { Card, Choice, Empty, Failed, Protection, Title, Waiting, useFilters } from "./ui";

interface Node extends SimulationNodeDatum {
	key: string; id: number; name: string; kind: string; state: string; address: string; links: number;
}
interface Edge extends SimulationLinkDatum<Node> {
	from: Node; to: Node; links: Link[]; clear: boolean; clinical: boolean;
}

const WIDTH = 1000, HEIGHT = 620, MARGIN = 60;

const short: Record<string, string> = {
	analyzer: "An", glucose_meter: "Gl", imaging: "Im", middleware: "Mw", lis: "LIS", pacs: "PA", serial_server: "Se", workstation: "Ws",
	server: "Sv", printer: "Pr", network: "Nw",
};

function graph(devices: Device[], links: Link[]): { nodes: Node[]; edges: Edge[] } {
	const nodes = new Map<string, Node>(), edges = new Map<string, Edge>(), byAddress = new Map<string, Device>();
	for (const d of devices) for (const a of d.addresses.split(" ")) if (!byAddress.has(a)) byAddress.set(a, d); /* who had it first */
	const node = (address: string): Node => {
		const d = byAddress.get(address);
		const key = d ? `d${d.id}` : address;
		let n = nodes.get(key);
		if (!n) {
			n = { key, id: d?.id ?? 0, name: d ? d.model || d.hostname || (d.class !== "unknown" ? className(d.class) : address) : address, kind: d?.class ?? "unknown", state: d?.state ?? "unknown", address, links: 0 };
			nodes.set(key, n);
		}
		return n;
	};
	for (const l of links) {
		const from = node(l.client), to = node(l.server);
		if (from === to) continue;
		const key = [from.key, to.key].sort().join("|");
		let e = edges.get(key);
		if (!e) edges.set(key, (e = { source: from, target: to, from, to, links: [], clear: false, clinical: false }));
		e.links.push(l);
		e.clinical ||= l.clinical;
		e.clear ||= !l.encrypted;
		from.links++;
		to.links++;
	}
	return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

const clamp = (v: number, low: number, high: number): number => Math.max(low, Math.min(high, v));

/* Laid out at once: the same devices give the same picture, and nothing moves by itself. */
function lay(nodes: Node[], edges: Edge[]): void {
	const sim = forceSimulation(nodes)
		.force("link", forceLink<Node, Edge>(edges).distance(150).strength(0.35))
		.force("charge", forceManyBody().strength(nodes.length > 200 ? -120 : -900))
		.force("x", forceX(WIDTH / 2).strength(0.06))
		.force("y", forceY(HEIGHT / 2).strength(0.12))
		.force("collide", forceCollide(nodes.length > 200 ? 14 : 52))
		.stop();
	sim.tick(nodes.length > 400 ? 120 : 320);
	const xs = nodes.map((n) => n.x ?? 0), ys = nodes.map((n) => n.y ?? 0);
	const x0 = Math.min(...xs), x1 = Math.max(...xs), y0 = Math.min(...ys), y1 = Math.max(...ys);
	for (const n of nodes) {
		n.x = MARGIN + ((n.x ?? 0) - x0) / Math.max(1, x1 - x0) * (WIDTH - 2 * MARGIN);
		n.y = MARGIN + ((n.y ?? 0) - y0) / Math.max(1, y1 - y0) * (HEIGHT - 2 * MARGIN);
	}
}

function Picture({ nodes, edges, chosen, choose }: { nodes: Node[]; edges: Edge[]; chosen: string; choose: (key: string) => void }): JSX.Element {
	const svg = useRef<SVGSVGElement>(null);
	const [, redraw] = useState(0);
	const drag = useRef<Node | null>(null);
	const big = nodes.length > 120;
	const near = new Set<string>(chosen ? [chosen] : []);
	if (chosen) for (const e of edges) {
		if (e.from.key === chosen) near.add(e.to.key);
		if (e.to.key === chosen) near.add(e.from.key);
	}
	const move = (e: PointerEvent): void => {
		const box = svg.current?.getBoundingClientRect();
		if (!drag.current || !box) return;
		drag.current.x = clamp((e.clientX - box.left) / box.width * WIDTH, 20, WIDTH - 20);
		drag.current.y = clamp((e.clientY - box.top) / box.height * HEIGHT, 20, HEIGHT - 20);
		redraw((t) => t + 1);
	};
	return (
		<svg ref={svg} class="map" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label="Map of devices and their links" onPointerMove={move}
			onPointerUp={() => (drag.current = null)} onPointerLeave={() => (drag.current = null)}>
			{edges.map((e) => (
				<line key={e.from.key + e.to.key} x1={e.from.x} y1={e.from.y} x2={e.to.x} y2={e.to.y}
					class={`edge ${e.clear ? "clear" : "safe"} ${e.clinical ? "clinical" : ""} ${chosen && e.from.key !== chosen && e.to.key !== chosen ? "faded" : ""}`} />
			))}
			{nodes.map((n) => (
				<g key={n.key} class={`node state-${n.state} ${chosen && !near.has(n.key) ? "faded" : ""} ${n.key === chosen ? "chosen" : ""}`} transform={`translate(${n.x} ${n.y})`}
					role="button" tabindex={0} aria-pressed={n.key === chosen} aria-label={`${n.name}, ${className(n.kind)}, ${n.address}, ${plural(n.links, "link")}`}
					onClick={() => choose(n.key === chosen ? "" : n.key)}
					onKeyDown={(e) => {
						if (e.key === "Enter" || e.key === " ") {
							e.preventDefault();
							choose(n.key === chosen ? "" : n.key);
						}
					}}
					onPointerDown={(e) => {
						drag.current = n;
						(e.currentTarget as Element).releasePointerCapture?.(e.pointerId);
					}}>
					<circle r={big ? 9 : 22} />
				</g>
			))}
			{!big && nodes.map((n) => (
				<g key={n.key} aria-hidden="true" class={`label ${chosen && !near.has(n.key) ? "faded" : ""}`} transform={`translate(${n.x} ${n.y})`}>
					<text class="kind" dy="4">{short[n.kind] ?? "?"}</text>
					<text y="38">{n.name.length > 18 ? n.name.slice(0, 17) + "…" : n.name}</text>
					{n.name !== n.address && <text class="address" y="52">{n.address}</text>}
				</g>
			))}
		</svg>
	);
}

export default function MapPage(): JSX.Element {
	const [f, set] = useFilters({ show: "clinical", at: "" });
	const devices = useData<Device[]>("/devices?all", ["device"], () => all<Device>("/devices", 2000));
	const links = useData<Link[]>("/links?all=" + f.show, ["progress"], () => all<Link>(f.show === "clinical" ? "/links?kind=clinical" : "/links", 5000));
	const error = devices.error ?? links.error;
	/* The layout is made anew only when devices or pairs change, not with every count. */
	const shape = (links.data ?? []).map((l) => l.link).join() + "/" + (devices.data ?? []).map((d) => d.id + d.state).join();
	const { nodes, edges } = useMemo(() => {
		const g = graph(devices.data ?? [], links.data ?? []);
		lay(g.nodes, g.edges);
		return g;
	}, [shape]);
	const [chosen, choose] = useState("");
	useEffect(() => {
		const device = devices.data?.find((d) => f.at && d.addresses.split(" ").includes(f.at));
		if (device) choose(`d${device.id}`);
	}, [f.at, devices.data !== null]);
	if (error) return <><Title>Map</Title><Failed error={error} /></>;
	if (!devices.data || !links.data) return <><Title>Map</Title><Waiting /></>;
	const node = nodes.find((n) => n.key === chosen);
	const shown = (links.data ?? []).filter((l) => !node || edges.some((e) => (e.from === node || e.to === node) && e.links.includes(l)));
	const clear = edges.filter((e) => e.clear).length;
	return (
		<>
			<Title aside={<>{plural(nodes.length, "device")}, {plural(edges.length, "connection")}, {count(clear)} in clear text</>}>Map</Title>
			<div class="toolbar">
				<Choice label="Show" value={f.show} set={(v) => { choose(""); set("show", v); }} options={[["clinical", "Clinical links"], ["all", "All links"]]} />
				<ul class="key" aria-label="Key">
					<li><svg viewBox="0 0 30 8" aria-hidden="true"><line x1="0" y1="4" x2="30" y2="4" class="edge safe" /></svg> encrypted</li>
					<li><svg viewBox="0 0 30 8" aria-hidden="true"><line x1="0" y1="4" x2="30" y2="4" class="edge clear" /></svg> clear text</li>
					<li><svg viewBox="0 0 12 12" aria-hidden="true"><g class="node state-approved"><circle cx="6" cy="6" r="4" /></g></svg> approved</li>
					<li><svg viewBox="0 0 12 12" aria-hidden="true"><g class="node state-staged"><circle cx="6" cy="6" r="4" /></g></svg> new</li>
					<li><svg viewBox="0 0 12 12" aria-hidden="true"><g class="node state-blocked"><circle cx="6" cy="6" r="4" /></g></svg> blocked</li>
				</ul>
			</div>
			{nodes.length === 0
				? <Empty><p>No link to draw yet.</p><p>Devices appear here once they talk to each other.</p></Empty>
				: <div class="mapbox"><Picture nodes={nodes} edges={edges} chosen={chosen} choose={choose} /></div>}
			<Card title={node ? `Links of ${node.name}` : "Links on this map"} id="maplinks" more={node && <span>{node.id > 0 && <a href={`#/devices/${node.id}`}>Open device</a>} <button type="button" onClick={() => choose("")}>Show all</button></span>}>
				<Rows caption="Links on the map" rows={shown} rowKey={(l) => l.link} columns={[
					{ name: "Link", main: true, cell: (l) => <a href={`#/traffic/messages?link=${l.link}`}>{l.client} → {l.server}:{l.port}</a>, raw: (l) => l.link },
					{ name: "Protocol", cell: (l) => l.protocol, raw: (l) => l.proto },
					{ name: "Protection", cell: (l) => <Protection on={l.encrypted} />, raw: (l) => l.encrypted },
					{ name: "Messages", number: true, cell: (l) => count(l.messages), raw: (l) => l.messages },
				]} />
			</Card>
		</>
	);
}
