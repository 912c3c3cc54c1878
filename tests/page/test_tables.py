"""The page's reading of tables, by the cases that the service is held to as well."""

from playwright.sync_api import Page

from tests.objects.formats.test_table import CASES

READ = """async (cases) => {
const { readTable } = await import("./static/demo/table.js");
return cases.map(({ content }) => {
    try {
        const { delimiter, columns, records } = readTable(content);
        const rows = records.filter((row) => !row.fault).map((row) => [row.line, ...row.fields]);
        const faults = records.filter((row) => row.fault).map((row) => [row.line, row.fault]);
        return { delimiter, columns, rows, faults };
    } catch (error) {
        return { refused: error.constructor.name };
    }
});
}"""


def test_the_page_reads_tables_as_the_service_does(page: Page) -> None:
    found = dict(zip([case["name"] for case in CASES], page.evaluate(READ, CASES), strict=True))
    for case in CASES:
        expected = {key: case[key] for key in case.keys() - {"name", "content"}}
        # The page has no options to say, so it says in other words what it cannot tell.
        if "refused" in expected:
            expected["refused"] = "Ambiguous"
        assert found[case["name"]] == expected, case["name"]
