// SPDX-License-Identifier: BSD-3-Clause
// The page of the link shortener: makes links and lists them by the API of the app tier.
// All that comes from the server is put in as text, never as markup.

const API = "/api/links";
const PAGE = 20; // Links of one request.
const REFRESH_MS = 5000;
const TRIES = 4; // Of a request that the server asks to repeat.

const byId = (id) => document.getElementById(id);
const form = byId("form");
const input = byId("url");
const problem = byId("problem");

// Links by code, newest first; how many are shown grows with "Show older links".
let links = [];
let nextCursor = null;
let wanted = PAGE;

class Refusal extends Error {}

function wait(seconds) {
	return new Promise((done) => setTimeout(done, seconds * 1000));
}

// Repeats what the server could not do for the moment (503), which is safe: reads change nothing,
// and creating carries a key by which the server knows a repeated request.
async function ask(path, options) {
	for (let attempt = 1; ; attempt++) {
		let response;
		try {
			response = await fetch(path, { cache: "no-store", ...options });
		} catch {
			response = null;
		}
		if (response?.ok) {
			return response.json();
		}
		if (response && response.status !== 503 && response.status !== 502) {
			const body = await response.json().catch(() => ({}));
			throw new Refusal(body.error ?? `The server answered ${response.status}.`);
		}
		if (attempt === TRIES) {
			throw new Refusal(response
				? "The server cannot do this now. Please try again in a moment."
				: "The server cannot be reached. Please check your connection.");
		}
		await wait(Number(response?.headers.get("Retry-After")) || 1);
	}
}

function newKey() {
	const bytes = crypto.getRandomValues(new Uint8Array(16));
	return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function cell(label, ...content) {
	const element = document.createElement("td");
	element.setAttribute("role", "cell"); // The style for phones takes the table's own away.
	element.dataset.label = label;
	element.append(...content);
	return element;
}

function anchor(href, text) {
	const element = document.createElement("a");
	element.href = href;
	element.rel = "noopener noreferrer";
	element.textContent = text;
	return element;
}

const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const numberFormat = new Intl.NumberFormat();

function row(link) {
	const element = document.createElement("tr");
	element.setAttribute("role", "row");
	const made = document.createElement("time");
	made.dateTime = link.created;
	made.textContent = timeFormat.format(new Date(link.created));
	const visits = cell("Visits", numberFormat.format(link.count));
	visits.className = "number";
	const code = anchor(`/l/${link.code}`, link.code);
	code.setAttribute("aria-label", `Short link ${link.code}`);
	element.append(cell("Short link", code), cell("Leads to", link.url), visits,
		cell("Made", made));
	return element;
}

function show() {
	byId("table").hidden = links.length === 0;
	byId("empty").hidden = links.length > 0;
	byId("more").hidden = nextCursor === null;
	// A visitor who is on a link with the keyboard stays there.
	const focused = document.activeElement?.closest("#rows") &&
		document.activeElement.textContent;
	byId("rows").replaceChildren(...links.map(row));
	if (focused) {
		[...document.querySelectorAll("#rows a")]
			.find((link) => link.textContent === focused)?.focus();
	}
}

async function load() {
	let found = [];
	let cursor = null;
	do {
		const query = new URLSearchParams({ limit: Math.min(100, wanted - found.length) });
		if (cursor !== null) {
			query.set("cursor", cursor);
		}
		const page = await ask(`${API}?${query}`);
		found = found.concat(page.links);
		cursor = page.next_cursor;
	} while (cursor !== null && found.length < wanted);
	links = found;
	nextCursor = cursor;
	show();
}

async function refresh() {
	try {
		await load();
		byId("fresh").textContent = "";
	} catch (error) {
		byId("fresh").textContent = `The list may be out of date. ${error.message}`;
	}
}

function complain(text) {
	problem.textContent = text;
	problem.hidden = text === "";
	input.setAttribute("aria-invalid", String(text !== ""));
	if (text) {
		input.focus();
	}
}

form.addEventListener("submit", async (event) => {
	event.preventDefault();
	const url = input.value.trim();
	if (!/^https?:\/\/./i.test(url)) {
		complain("Please enter an address that begins with http:// or https://.");
		return;
	}
	complain("");
	byId("submit").disabled = true;
	try {
		const link = await ask(API, {
			method: "POST",
			headers: { "Content-Type": "application/json", "Idempotency-Key": newKey() },
			body: JSON.stringify({ url }),
		});
		const short = byId("short");
		short.href = link.short_url;
		short.textContent = link.short_url;
		byId("copy").textContent = "Copy";
		byId("result").hidden = false;
		form.reset();
		await refresh();
	} catch (error) {
		complain(error.message);
	} finally {
		byId("submit").disabled = false;
	}
});

byId("copy").addEventListener("click", async () => {
	try {
		await navigator.clipboard.writeText(byId("short").href);
		byId("copy").textContent = "Copied";
	} catch {
		// Without the permission the address can still be selected and copied by hand.
		getSelection().selectAllChildren(byId("short"));
		byId("copy").textContent = "Selected";
	}
});

byId("more").addEventListener("click", async () => {
	wanted = links.length + PAGE;
	await refresh();
});

// One refresh after the other, and only while somebody is looking.
async function keepFresh() {
	for (;;) {
		if (document.visibilityState === "visible") {
			await refresh();
		}
		await wait(REFRESH_MS / 1000);
	}
}

keepFresh();
