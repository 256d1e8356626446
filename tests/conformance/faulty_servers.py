"""Every way in which a server is made worse, and some of the checks that have to notice."""

from dataclasses import dataclass

from tests.conformance import faults
from tests.conformance.cursor_layer import Cursors
from tests.conformance.faults import (
    answering,
    answering_to,
    bare,
    deaf,
    refusing,
    rewriting,
    swallowing,
    with_member,
    without_member,
    without_parameter,
)
from tests.conformance.peers import Fault


@dataclass(frozen=True)
class Case:
    """A fault and checks that must fail, separated by blanks; `sections` (or patterns of ids) are run besides."""

    fault: Fault
    red: str
    sections: str = ""


def cursor(fault: str, red: str) -> Case:
    """A fault of cursor pagination."""
    return Case(Cursors(frozenset({fault})), red)


ENTERPRISE = "extension%3Aenterprise"

CASES = {
    "resources have no meta": Case(
        without_member("meta"), "create.meta create.location types.date replace.read-only", "create read version types"
    ),
    "resources have no schemas": Case(without_member("schemas"), "read.schemas read.schemas-in-use", "create read"),
    "null comes back as something": Case(with_member("nickName", "x"), "create.unassigned"),
    "readOnly values are taken": Case(
        with_member("groups", [{"value": "x", "type": "other", "$ref": "x"}]),
        "create.groups-ignored",
        "create delete group",
    ),
    "the password is returned": Case(with_member("password", "correct-Horse-7-battery"), "password.never"),
    "there is no Location": Case(bare("Location"), "create.location"),
    "filters are ignored": Case(
        without_parameter("filter"), "filter.eq filter.not list.empty search.answer", "list filter search"
    ),
    "and is or": Case(rewriting("%20and%20", "%20or%20"), "filter.and filter.precedence filter.value-path"),
    "or is and": Case(rewriting("%20or%20", "%20and%20"), "filter.or filter.precedence filter.grouping"),
    "co is sw": Case(rewriting("%20co%20", "%20sw%20"), "filter.co"),
    "sw is co": Case(rewriting("%20sw%20%22nn", "%20co%20%22nn"), "filter.sw"),
    "ew is co": Case(rewriting("%20ew%20", "%20co%20"), "filter.ew"),
    "ge is gt": Case(rewriting("%20ge%20", "%20gt%20"), "filter.ge"),
    "gt is ge": Case(rewriting("%20gt%20", "%20ge%20"), "filter.gt"),
    "le is lt": Case(rewriting("%20le%20", "%20lt%20"), "filter.le filter.date-instant"),
    "lt is le": Case(rewriting("%20lt%20", "%20le%20"), "filter.lt"),
    "ne is eq": Case(rewriting("%20ne%20", "%20eq%20"), "filter.ne filter.boolean filter.null"),
    "pr wants true": Case(rewriting("active%20pr", "active%20eq%20true"), "filter.pr-false"),
    "pr is title pr": Case(rewriting("%20pr", "%20ne%20%22x%22"), "filter.pr filter.pr-complex filter.pr-multi-valued"),
    "not is forgotten": Case(rewriting("not%20%28", "%28"), "filter.not filter.grouping filter.value-path-logic"),
    "extensions are not filtered": Case(refusing(ENTERPRISE), "filter.extension filter.schemas sort.extension"),
    "URNs are not understood": Case(refusing("core%3A2.0%3AUser"), "filter.urn projection.urn"),
    "dates are texts": Case(rewriting("-09%3A00", "Z"), "filter.date-instant"),
    "years are not": Case(rewriting("2999-12", "1999-12"), "filter.date"),
    "cases are strict": Case(
        faults.strict_case, "auth.scheme-case create.names-case filter.names-case filter.logic-case patch.path-case"
    ),
    "other scripts are refused": Case(
        refusing("%C3", "%E5", "Zo"), "filter.unicode filter.value-case-unicode create.unicode"
    ),
    "sorting is ignored": Case(
        without_parameter("sortBy"), "sort.descending sort.case sort.missing search.sort", "sort search"
    ),
    "the order is ignored": Case(
        without_parameter("sortOrder"), "sort.descending sort.multi-valued sort.date sort.pages"
    ),
    "sorting is descending": Case(faults.descending, "sort.ascending"),
    "pages are ignored": Case(
        without_parameter("count", "startIndex"),
        "page.count page.walk page.count-zero page.unfiltered search.page",
        "page search",
    ),
    "large counts are refused": Case(refusing("count=1000000"), "page.count-large"),
    "counts are wrong": Case(
        faults.miscounting, "page.items-per-page page.start-index page.beyond", "page discovery list search"
    ),
    "low indexes are refused": Case(refusing("startIndex=0", "count=-"), "page.below-one page.count-negative"),
    "nothing is counted": Case(faults.constant_total, "list.all"),
    "projections are ignored": Case(
        without_parameter("attributes", "excludedAttributes"),
        "projection.attributes projection.excluded projection.replace projection.patch search.attributes",
        "projection filter search",
    ),
    "the id is left out": Case(faults.idless, "projection.id-always"),
    "search is not offered": Case(refusing("/.search"), "search.offered search.invalid"),
    "PATCH does nothing": Case(
        swallowing("PATCH"),
        "patch.add patch.remove patch.replace patch.unknown patch.read-only version.patch concurrency.members",
        "patch version concurrency password",
    ),
    "every other PATCH is lost": Case(
        swallowing("PATCH", every=2), "concurrency.members concurrency.members-removed concurrency.attributes"
    ),
    "PUT does nothing": Case(
        swallowing("PUT"), "replace.answer replace.values replace.members version.put", "replace version"
    ),
    "DELETE does nothing": Case(swallowing("DELETE"), "delete.gone delete.unlisted concurrency.delete"),
    "a DELETE is 202": Case(answering(204, 202), "delete.status delete.group", "delete auth bulk"),
    "a 304 is 200": Case(answering(304, 200), "version.not-modified version.list-of-versions"),
    "PATCH is not atomic": Case(faults.splitting, "patch.atomic patch.atomic-members"),
    "values are doubled": Case(
        faults.doubling,
        "patch.add-present patch.add-primary patch.add-member group.members types.multi-valued read.schemas",
        "group types read patch.add*",
    ),
    "everything is later": Case(
        faults.touching, "patch.add-present-timestamp version.changes version.list list.complete read.known"
    ),
    "time stands still": Case(faults.frozen, "patch.last-modified replace.last-modified version.changes"),
    "values are garbled": Case(
        faults.garbling, "create.unicode types.boolean types.boolean-text types.binary types.long-string media.charset"
    ),
    "fragments are lost": Case(rewriting("#z", ""), "types.reference"),
    "mistakes are forgiven": Case(
        faults.forgiving,
        "auth.missing create.duplicate read.unknown replace.unknown patch.invalid-path "
        "delete.unknown filter.invalid-operator error.status",
        "auth create read replace patch delete filter.inv* filter.no-order error discovery search bulk cursor version",
    ),
    "mistakes are created": Case(
        faults.everything_created,
        "create.malformed create.one-primary concurrency.create password.error",
        "create concurrency error password media",
    ),
    "errors say nothing": Case(faults.confused, "error.schema error.method error.endpoint me.answer"),
    "errors have no type": Case(faults.nameless, "error.status error.detail filter.invalid-string patch.read-only"),
    "everything is HTML": Case(faults.html, "media.response error.media-type"),
    "one media type is accepted": Case(faults.picky, "media.accept media.json"),
    "nobody needs a token": Case(faults.open_to_all, "auth.missing auth.wrong auth.writes"),
    "a 401 names no scheme": Case(bare("WWW-Authenticate"), "auth.www-authenticate"),
    "there is no ETag": Case(bare("ETag"), "version.etag"),
    "conditions are ignored": Case(
        deaf(if_match=None, if_none_match=None), "version.put version.delete concurrency.if-match"
    ),
    "every condition fails": Case(answering(200, 412), "version.any version.list-of-versions"),
    "little is described": Case(
        faults.undiscoverable,
        "discovery.config discovery.config-features discovery.resource-types discovery.schemas",
        "discovery",
    ),
    "half is described": Case(
        faults.half_described,
        "discovery.paging-ignored discovery.schema-characteristics discovery.schema-user",
        "discovery",
    ),
    "bulk results are mixed up": Case(faults.bulk_results, "bulk.create bulk.errors bulk.fail-on-errors", "bulk"),
    "bulk does nothing": Case(
        faults.bulk_ignored, "bulk.methods bulk.max-operations bulk.reference-backwards bulk.invalid", "bulk"
    ),
    "cursors: half announced": cursor("config", "cursor.config"),
    "cursors: no end": cursor("last", "cursor.last cursor.walk"),
    "cursors: other characters": cursor("characters", "cursor.characters"),
    "cursors: the page is the total": cursor("total", "cursor.total"),
    "cursors: back from the first page": cursor("first", "cursor.previous"),
    "cursors: back to the same page": cursor("previous", "cursor.previous"),
    "cursors: good for once": cursor("once", "cursor.repeatable"),
    "cursors: any will do": cursor("forged", "cursor.forged"),
    "cursors: for any query": cursor("other-query", "cursor.other-query cursor.other-endpoint"),
    "cursors: for any count": cursor("other-count", "cursor.other-count"),
    "cursors: none is one": cursor("count-zero", "cursor.count-zero"),
    "cursors: out of order": cursor("unsorted", "cursor.sort"),
    "cursors: offsets": cursor("unstable", "cursor.stable"),
    "cursors: not by POST": cursor("search", "cursor.search"),
    "two are primary": Case(faults.all_primary, "patch.add-primary patch.replace-primary"),
    "a PATCH is accepted for later": Case(answering_to("PATCH", 202), "patch.answer password.change patch.duplicate"),
}
