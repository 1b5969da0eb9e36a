"""What a test reads in one of the citizens' pages."""

from html.parser import HTMLParser


class Section:
    """One `section` of a page."""

    def __init__(self, classes: str) -> None:
        self.classes = classes.split()
        self.fieldsets: list[str] = []


class Page(HTMLParser):
    """The tags of a page, its links, its fields as a browser would send them untouched, its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.fields: dict[str, str] = {}
        self.checked: dict[str, str] = {}
        self.choices: dict[str, list[str]] = {}
        self.levels: list[str] = []
        self.unlabelled: list[str] = []
        self.action = ""
        self._open: list[str] = []
        self._sections: list[Section] = []
        self.feed(text)

    def count(self, tag: str) -> int:
        return self.tags.count(tag)

    def sections(self, named: str) -> list[Section]:
        return [section for section in self._sections if named in section.classes]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.tags.append(tag)
        self.attributes |= set(given)
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        if "src" in given or (tag == "link" and "href" in given):
            self.loaded.append(given.get("src") or given["href"])
        if "data-level" in given:
            self.levels.append(given["data-level"])
        if tag == "form":
            self.action = given.get("action", "")
        if tag == "section":
            self._sections.append(Section(given.get("class", "")))
        if tag == "fieldset" and self._sections:
            self._sections[-1].fieldsets.append(given["id"])
        if tag == "input":
            self._input(given)
        else:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def _input(self, given: dict[str, str]) -> None:
        name, value = given.get("name", ""), given.get("value", "")
        if given.get("type") == "hidden":
            self.fields[name] = value
            return
        if "label" not in self._open:
            self.unlabelled.append(name)
        if "checked" in given:
            self.checked[name] = self.fields[name] = value
        if given.get("type") == "radio":
            self.choices.setdefault(name, []).append(value)
