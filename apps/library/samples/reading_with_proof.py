"""The text of reading-with-proof.pdf: how DocAnalyst works, for the people who use it."""

TITLE = "Reading with proof"

FRONT = """
<p class="kicker">DocAnalyst</p>
<h1>Reading with proof</h1>
<p class="lead">What happens between your question and an answer that you can check</p>
<p>Most tools that answer questions about documents look for a few passages that seem to fit and show the model nothing else. What they did not find, the model never sees, and nobody tells you. DocAnalyst works the other way round. Every page you selected is sent to the model, or listed with the reason why not. Nothing is retrieved, sampled or silently cut.</p>
<p>The answer streams back with marks behind its sentences. A mark opens the page it came from, with the words boxed. And before any of this costs money, you see what it will cost.</p>
<h3>The path of a question</h3>
<table class="grid">
<tr><th>Step</th><th>What happens</th><th>What you see</th></tr>
<tr><td>Read</td><td>Your file becomes numbered pages of text</td><td>Progress, page by page</td></tr>
<tr><td>Count</td><td>Each page is counted in the model’s own units</td><td>A meter of what fits</td></tr>
<tr><td>Plan</td><td>A model and a host are chosen, or the question is refused with numbers</td><td>A price, before you ask</td></tr>
<tr><td>Ask</td><td>All pages go to the model, with your question</td><td>The answer as it is written</td></tr>
<tr><td>Verify</td><td>Each quote is looked up on the page it names</td><td>A verdict for every quote</td></tr>
</table>
"""

SECTIONS: list[tuple[str, str]] = [
    (
        "Reading",
        """
<p>A file is read in a closed room: a process without network, without access to other files, with limits on time and memory. A hostile or broken file can stop that process, but not the application.</p>
<p>If a page cannot be read, only that page is lost, and it is listed with the limit or the fault that stopped it. A document fails only when no page could be read at all. The text of the pages is taken in the order in which a person would read it: column by column, tables row by row. Comments, notes and filled form fields are included and marked as such. Attachments are not opened.</p>
<p>Some pages are pictures of text. They are recognised and counted as pages without text, so that you know about them. Text that is there but that nobody can see, white on white for example, is kept, because a model reads it too: beside the picture of a page you can open its text, just as it is sent.</p>
<p>The printed page number and the position in the file often differ: the preface of a book may end on page xii, and the twentieth sheet may carry the number 8. DocAnalyst shows you the printed number and keeps the position for itself.</p>
""",
    ),
    (
        "Counting",
        """
<p>A model reads tokens, pieces of words of about four characters. Its window is the number of tokens that it can take in at once. DocAnalyst counts every page with the vocabulary of Llama 4, once, when the page is read, and stores the number.</p>
<p>The pages of a prompt add up exactly: the sum of the stored counts, the question and the rules is the count of the whole, to the last token. So the meter beside your documents is not an estimate, and unticking a document moves it at once.</p>
<p>A page of prose is 300 to 900 tokens. A contract of 120 pages is around 60,000. Two models of the Llama 4 family read them: Maverick writes the better answer on what fits its window, Scout takes in far more at a time.</p>
""",
    ),
    (
        "Planning",
        """
<p>Before you ask, a line under the question says what will happen: which model, at which host, in one pass, with how many tokens, and for what price. The country stands beside the host where it is known. The price has a lower and an upper end, because nobody knows how long the answer will be.</p>
<p>One pass reads everything: all pages with text that you selected stand in one prompt, in full and in order, with room kept free for the answer. If they do not fit, the question is not sent. You are told how many tokens the prompt takes, how many there is room for, and by how many it is too long. Where another connected model holds them, it is offered with its price. Otherwise untick documents until they fit.</p>
<p>Left to itself, DocAnalyst takes Maverick for up to 128,000 tokens and Scout above that, or whichever of the two is connected and holds the pages.</p>
<p>What you choose is obeyed, or refused with a sentence that says why. It is never swapped for something else. Your text goes to one host: the one that this line named when you asked. Hosts are connected by the administrators of the installation.</p>
""",
    ),
    (
        "Asking",
        """
<p>Your question is kept and worked on apart from the page you look at. You may close the tab, reload it, or open a second one: the answer goes on, and you find it where it is. Stop closes the connection to the host within two seconds, and keeps what came until then.</p>
<p>The model is told to quote before it answers. First it copies the passages that matter, word for word, each with the mark of its page. Then it writes the answer, with a mark behind every sentence that states a fact. If the documents do not say, it is to say so.</p>
<p>If the connection breaks after the first words, the text that came is kept, and you are told. DocAnalyst never starts an answer over silently, because half of one answer and half of another is no answer.</p>
""",
    ),
    (
        "Verifying",
        """
<p>Every quote is looked up on the page it names, letter by letter. Differences of typesetting are forgiven: hyphens at line ends, ligatures, the shape of quote signs, capital letters. The result is a verdict, and you see it.</p>
<table class="grid">
<tr><th>Verdict</th><th>Meaning</th></tr>
<tr><td>word for word</td><td>The words stand on the page as quoted</td></tr>
<tr><td>close</td><td>Nearly the same words, and no number, date, name, negation or “may” and “must” differs</td></tr>
<tr><td>altered</td><td>Similar words, but with such a difference: look closely</td></tr>
<tr><td>on another page</td><td>The words stand on exactly one other page that was sent; the mark leads there and says so</td></tr>
<tr><td>page only</td><td>The mark names a page, but there is no quote long enough to check</td></tr>
<tr><td>not found</td><td>The page has no such words, and no other single page that was sent has them</td></tr>
<tr><td>no such page</td><td>The mark names a page that was not sent</td></tr>
</table>
<p>A verdict says that these words are there. It never says that the claim is true: that judgement stays with you. What it saves you is the search. One click opens the picture of the page with the words boxed. The original file is in the menu of its document.</p>
""",
    ),
    (
        "Paying and keeping count",
        """
<p>Models are paid by the token. Before a question is sent, the upper end of its price is set aside from the budget of your workspace; when the answer is done, what it really cost is booked and the rest is given back. An answer that you stop costs what was sent and what came until then.</p>
<p>Every attempt that reached a host becomes one line in a ledger that is only ever added to. Each line keeps the tokens, the price that applied on that day, and whether the count was reported by the host or estimated here. The usage page adds up the same lines, so its totals and the ledger agree.</p>
<p>The ledger holds numbers, not content: no question, no file name and no text of yours is in it.</p>
""",
    ),
    (
        "What you can rely on",
        """
<p>Every answer has a coverage sheet: the passes, the documents, the page ranges that were sent, the pages that were not read and why, the tokens counted here and those that the host reported. It says that pages were sent and counted. It does not say that they were understood, because no one can know that.</p>
<p>An answer keeps the list of the pages it was given. If you add documents later, or untick some, old answers still lead to the pages they were written from. If a document is deleted, its pages are gone at once, and the answer says that its source was removed.</p>
<p>Without a connection to a model, the built-in quote finder answers. It is not a language model. It ranks the sentences of your documents by how well they fit the question and shows them word for word, with the same marks and the same verdicts. It is a way to look around before you connect a model, and it never takes the place of one that fails.</p>
<p>Ask this document something now: what happens if a page cannot be read, for instance, or what the verdict “altered” means. Then click a mark, and check.</p>
""",
    ),
]
