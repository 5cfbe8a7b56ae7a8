# Articles: docs/articles.md

ADMIN_GROUPS["editor"] += [
    "articles.add_article",
    "articles.change_article",
    "articles.delete_article",
    "articles.view_article",
]
ADMIN_GROUPS["reviewer"] = [
    "articles.change_article",
    "articles.publish_article",
    "articles.view_article",
]
