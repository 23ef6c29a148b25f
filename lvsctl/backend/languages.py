"""The fixed words of the sorry page, in the languages that are built in. Data only.

Polite, plain and without a cause: whoever reads them does not know what a real server is.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """The fixed words of the page in one language."""

    title: str = ""
    """The heading."""
    message: str = ""
    """What has happened, when the operator does not say it in own words."""
    expected_end: str = ""
    """What stands before the time of the expected end."""
    contact: str = ""
    """What stands before the contact."""
    again: str = ""
    """The link that asks anew."""
    reload: str = ""
    """That the page reloads by itself."""


RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
"""Languages that are written from right to left, built in or not."""

LANGUAGES = {
    "ar": Phrases(
        title="سنعود قريبًا",
        message="خدمتنا غير متاحة في الوقت الحالي. نعمل على حل المشكلة، ونعتذر عن الانتظار.",
        expected_end="الانتهاء المتوقع",
        contact="للتواصل",
        again="إعادة المحاولة",
        reload="يُعاد تحميل هذه الصفحة تلقائيًا عند عودة الخدمة.",
    ),
    "de": Phrases(
        title="Wir sind gleich wieder da",
        message="Unser Dienst ist im Moment nicht erreichbar. Wir arbeiten daran und bitten um etwas Geduld.",
        expected_end="Voraussichtliches Ende",
        contact="Kontakt",
        again="Erneut versuchen",
        reload="Diese Seite lädt von selbst neu, sobald der Dienst wieder da ist.",
    ),
    "en": Phrases(
        title="We will be right back",
        message="Our service is not available at the moment. We are working on it, and we are sorry for the wait.",
        expected_end="Expected end",
        contact="Contact",
        again="Try again",
        reload="This page reloads by itself when the service is back.",
    ),
    "es": Phrases(
        title="Volvemos enseguida",
        message="Nuestro servicio no está disponible en este momento. Estamos trabajando en ello y lamentamos la espera.",
        expected_end="Fin previsto",
        contact="Contacto",
        again="Intentar de nuevo",
        reload="Esta página se recarga sola cuando el servicio vuelve.",
    ),
    "fr": Phrases(
        title="Nous revenons tout de suite",
        message="Notre service est momentanément indisponible. Nous y travaillons et vous prions de nous excuser pour l’attente.",
        expected_end="Fin prévue",
        contact="Contact",
        again="Réessayer",
        reload="Cette page se recharge d’elle-même dès le retour du service.",
    ),
    "he": Phrases(
        title="נחזור ממש בקרוב",
        message="השירות שלנו אינו זמין כרגע. אנחנו עובדים על כך ומתנצלים על ההמתנה.",
        expected_end="סיום משוער",
        contact="יצירת קשר",
        again="לנסות שוב",
        reload="הדף ייטען מחדש מעצמו כשהשירות יחזור.",
    ),
    "it": Phrases(
        title="Torniamo subito",
        message="Il nostro servizio non è al momento disponibile. Ci stiamo lavorando e ci scusiamo per l’attesa.",
        expected_end="Fine prevista",
        contact="Contatto",
        again="Riprova",
        reload="Questa pagina si ricarica da sola quando il servizio ritorna.",
    ),
    "nl": Phrases(
        title="We zijn zo terug",
        message="Onze dienst is op dit moment niet beschikbaar. We werken eraan en excuseren ons voor het wachten.",
        expected_end="Verwacht einde",
        contact="Contact",
        again="Opnieuw proberen",
        reload="Deze pagina laadt vanzelf opnieuw zodra de dienst terug is.",
    ),
    "pl": Phrases(
        title="Zaraz wracamy",
        message="Nasza usługa jest chwilowo niedostępna. Pracujemy nad tym i przepraszamy za oczekiwanie.",
        expected_end="Przewidywany koniec",
        contact="Kontakt",
        again="Spróbuj ponownie",
        reload="Ta strona odświeży się sama, gdy usługa wróci.",
    ),
    "pt": Phrases(
        title="Voltamos já",
        message="O nosso serviço não está disponível neste momento. Estamos a trabalhar nisso e pedimos desculpa pela espera.",
        expected_end="Fim previsto",
        contact="Contacto",
        again="Tentar novamente",
        reload="Esta página recarrega sozinha quando o serviço voltar.",
    ),
}
"""By the primary language of a tag: ``pt`` stands for ``pt-BR`` too."""
