"use strict";
(() => {
  const element = (id) => document.getElementById(id);
  const text = (id) => element(id)?.content.textContent ?? "";
  const lines = (id) => text(id).split("\n").slice(0, -1);
  const make = (tag, attributes = {}, words = "") => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (words !== "") made.textContent = words;
    return made;
  };
  const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
  const decoded = (name) => {
    try {
      return decodeURIComponent(name);
    } catch {
      return name;
    }
  };
  // Characters that hide or turn text are shown, as the program does.
  const shown = (words) => words.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);

  // Microseconds, which are more than 32 bits.
  const moment = (micros) => {
    const millis = Math.floor(micros / 1000);
    const fraction = String(micros - millis * 1000).padStart(3, "0");
    return new Date(millis).toISOString().replace("T", " ").replace("Z", fraction);
  };
  const seconds = (micros) => {
    const whole = Math.floor(micros / 1e6);
    return `${grouped(whole)}.${String(micros - whole * 1e6).padStart(6, "0")}`;
  };

  // Numbers in digits of five bits, the lowest first.
  const numbers = (coded, fields, count) => {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const values = new Uint8Array(128);
    for (let at = 0; at < 64; at++) values[letters.charCodeAt(at)] = at;
    const columns = Array.from({ length: fields }, () => new Float64Array(count));
    let at = 0;
    for (let row = 0; row < count; row++) {
      for (let field = 0; field < fields; field++) {
        let number = 0;
        let scale = 1;
        let digit = 32;
        while (digit & 32) {
          digit = values[coded.charCodeAt(at++)];
          number += (digit & 31) * scale;
          scale *= 32;
        }
        columns[field][row] = number;
      }
    }
    return columns;
  };

  const ranks = (words) => {
    const order = Array.from(words.keys()).sort((a, b) => (words[a] < words[b] ? -1 : words[a] > words[b] ? 1 : 0));
    const ranks = new Float64Array(words.length);
    order.forEach((word, rank) => (ranks[word] = rank));
    return ranks;
  };

  // A table whose rows are made as they are shown: `keys` has a function for each column, by which it is sorted.
  const PAGE = 100;
  const grid = ({ name, count, keys, words, fill, extra, kept }) => {
    const table = element(`${name}-table`);
    if (!table || count === 0) return;
    const body = table.tBodies[0];
    const heads = Array.from(table.tHead.rows[0].cells);
    let order = Uint32Array.from({ length: count }, (_, row) => row);
    let found = order;
    let first = 0;
    let sorted = -1;
    let down = false;
    let all;

    const tools = element(`${name}-tools`);
    const search = make("input", { type: "search", placeholder: "Filter: words that all occur", "aria-label": "Filter" });
    const status = make("span", { role: "status" });
    const back = make("button", { type: "button" }, "Previous");
    const on = make("button", { type: "button" }, "Next");
    tools.append(search, ...extra(() => sift()), back, on, status);
    tools.hidden = false;
    for (const note of table.closest("section").querySelectorAll(".static")) note.remove();

    const show = () => {
      const rows = [];
      for (const row of found.subarray(first, first + PAGE)) {
        const made = document.createElement("tr");
        fill(row, (words, className = "", title = "") => {
          const cell = document.createElement("td");
          if (className) cell.className = className;
          if (title) cell.title = title;
          if (words instanceof Node) cell.append(words);
          else cell.textContent = words;
          made.append(cell);
          return cell;
        });
        rows.push(made);
      }
      body.replaceChildren(...rows);
      const last = Math.min(first + PAGE, found.length);
      const of = found.length === count ? "" : ` of ${grouped(count)}`;
      status.textContent = found.length === 0 ? `none${of}` : `${grouped(first + 1)} to ${grouped(last)} of ${grouped(found.length)}${of}`;
      back.disabled = first === 0;
      on.disabled = last >= found.length;
    };
    const sift = () => {
      const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      if (terms.length > 0) all ??= Array.from({ length: count }, (_, row) => words(row).toLowerCase());
      found = order.filter((row) => kept(row) && terms.every((term) => all[row].includes(term)));
      first = 0;
      show();
    };
    const sort = (column) => {
      // Numbers begin with the largest.
      down = sorted === column ? !down : heads[column].dataset.number !== undefined;
      sorted = column;
      const key = Float64Array.from({ length: count }, (_, row) => keys[column](row));
      const way = down ? -1 : 1;
      order = order.slice().sort((a, b) => way * (key[a] - key[b]) || a - b);
      heads.forEach((head, at) => head.setAttribute("aria-sort", at !== column ? "none" : down ? "descending" : "ascending"));
      sift();
    };
    heads.forEach((head, column) => {
      const button = make("button", { type: "button", title: head.title }, head.textContent);
      button.addEventListener("click", () => sort(column));
      if (body.rows[0]?.cells[column]?.classList.contains("n")) head.dataset.number = "";
      head.replaceChildren(button);
    });
    search.addEventListener("input", sift);
    back.addEventListener("click", () => {
      first = Math.max(0, first - PAGE);
      show();
    });
    on.addEventListener("click", () => {
      first += PAGE;
      show();
    });
    show();
  };

  const connections = () => {
    const source = element("rows");
    if (!source) return;
    const { count, base, way, prefix } = source.dataset;
    const rows = Number(count);
    const [start, length, client, clientPort, server, serverPort, state, sent, received, packetsSent, packetsReceived, missing, repeated, differing, within, files] =
      numbers(text("rows"), 16, rows);
    let before = Number(base);
    for (let row = 0; row < rows; row++) start[row] = before += start[row];
    const hosts = lines("hosts");
    const states = lines("states");
    const around = ["", ...lines("around")];
    const services = new Map(lines("services").map((line) => line.split("\t")).map(([port, name]) => [Number(port), name]));
    const service = (row) => services.get(serverPort[row]) ?? "";
    // The names that are listed are those of the rows in turn.
    const names = lines("names");
    const named = new Map();
    let next = 0;
    for (let row = 0; row < rows; row++) {
      for (const [side, kind] of [files[row] % 3, Math.floor(files[row] / 3)].entries()) {
        if (kind === 2) named.set(2 * row + side, names[next++]);
      }
    }
    const endpoint = (host, port) => (hosts[host].includes(":") ? `[${hosts[host]}]:${port}` : `${hosts[host]}:${port}`);
    const part = (host, port) => {
      const address = hosts[host];
      const usual = address.includes(":") ? address : address.split(".").map((digits) => digits.padStart(3, "0")).join(".");
      return encodeURIComponent(`${usual}.${String(port).padStart(5, "0")}`);
    };
    const name = (row, side) => {
      const kind = side === 0 ? files[row] % 3 : Math.floor(files[row] / 3);
      if (kind === 0) return undefined;
      if (kind === 2) return named.get(2 * row + side);
      const ends = [part(client[row], clientPort[row]), part(server[row], serverPort[row])];
      return side === 0 ? `${ends[0]}-${ends[1]}` : `${ends[1]}-${ends[0]}`;
    };
    const hostRanks = ranks(hosts);
    const stateRanks = ranks(states);
    const aroundRanks = ranks(around);
    const ports = [...services.keys()];
    const portRanks = ranks(ports.map((port) => services.get(port)));
    const serviceRanks = new Map(ports.map((port, at) => [port, portRanks[at]]));

    const trouble = make("input", { type: "checkbox" });
    const label = make("label");
    label.append(trouble, "with missing, repeated or differing bytes");
    grid({
      name: "connections",
      count: rows,
      keys: [
        (row) => start[row],
        (row) => length[row],
        (row) => hostRanks[client[row]] * 65536 + clientPort[row],
        (row) => hostRanks[server[row]] * 65536 + serverPort[row],
        (row) => serviceRanks.get(serverPort[row]) ?? -1,
        (row) => stateRanks[state[row]],
        ...[sent, received, packetsSent, packetsReceived, missing, repeated, differing].map((column) => (row) => column[row]),
        (row) => aroundRanks[within[row]],
        (row) => files[row],
      ],
      words: (row) => `${endpoint(client[row], clientPort[row])} ${endpoint(server[row], serverPort[row])} ${service(row)} ${states[state[row]]} ${around[within[row]]}`,
      kept: (row) => !trouble.checked || missing[row] + repeated[row] + differing[row] > 0,
      extra: (sift) => {
        trouble.addEventListener("change", sift);
        return [label];
      },
      fill: (row, cell) => {
        cell(moment(start[row]));
        cell(seconds(length[row]), "n");
        for (const [host, port] of [[client[row], clientPort[row]], [server[row], serverPort[row]]]) {
          cell(endpoint(host, port), hosts[host].includes(":") ? "host" : "");
        }
        cell(service(row));
        cell(states[state[row]]);
        for (const column of [sent, received, packetsSent, packetsReceived]) cell(grouped(column[row]), "n");
        for (const [kind, column] of [["n gap", missing], ["n", repeated], ["n conflict", differing]]) {
          cell(grouped(column[row]), column[row] === 0 ? "n zero" : kind);
        }
        cell(around[within[row]]);
        const links = cell("", "files");
        for (const [side, words] of ["sent", "received"].entries()) {
          const target = name(row, side);
          if (target !== undefined && way === "1") {
            links.append(make("a", { href: prefix + target, title: shown(decoded(target)) }, words), " ");
          }
        }
      },
    });
  };

  const files = () => {
    const source = element("file-rows");
    if (!source) return;
    const { way, prefix } = source.dataset;
    // Name, bytes, and the other columns as they are.
    const rows = lines("file-rows").map((line) => line.split("\t"));
    const pictures = new Map();
    for (const picture of element("pictures")?.content.children ?? []) pictures.set(Number(picture.dataset.file), picture);
    const extra = [];
    const show = make("input", { type: "checkbox" });
    if (pictures.size > 0) {
      const label = make("label");
      label.append(show, "show small images");
      extra.push(label);
    }
    const column = (at) => {
      const rank = ranks(rows.map((row) => row[at]));
      return (row) => rank[row];
    };
    grid({
      name: "files",
      count: rows.length,
      keys: [column(0), (row) => Number(rows[row][1]), ...[2, 3, 4, 5, 6, 7, 8].map(column)],
      words: (row) => `${decoded(rows[row][0])} ${rows[row].slice(2).join(" ")}`,
      kept: () => true,
      extra: (sift) => {
        show.addEventListener("change", sift);
        return extra;
      },
      fill: (row, cell) => {
        const [name, size, kind, media, complete, subject, suggested, sender, digests] = rows[row];
        const words = shown(decoded(name));
        const first = cell(way === "1" && name !== "" ? make("a", { href: prefix + name }, words) : words, "name");
        if (show.checked && pictures.has(row)) first.append(document.importNode(pictures.get(row), true));
        cell(grouped(size), "n");
        cell(kind);
        cell(media, "name");
        cell(complete, complete === "whole" ? "" : "gap");
        for (const words of [subject, suggested]) cell(words, "name");
        cell(sender);
        cell(digests, "digest");
      },
    });
  };

  connections();
  files();
})();
